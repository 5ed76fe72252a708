import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CompletedModel,
  type CompletedSpec,
  completeSpec,
  type ImagesProfile,
  networkSize,
  parseOrThrow,
  type TableProfile,
  trainSpec,
} from '@vanda/contracts';
import { Graph, nn } from '@vanda/engine';
import { afterAll, expect, it } from 'vitest';
import { pictureLayers } from './fit/layers.ts';
import { openTable } from './standalone/open-table.ts';
import { train } from './train.ts';

const folder = mkdtempSync(join(tmpdir(), 'network-size-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const input = { size: 20, channels: 3 as const };
const models: Exclude<CompletedModel, { kind: 'retrain' }>[] = [
  { kind: 'linear', input },
  { kind: 'mlp', hidden: [30, 20], activation: 'relu', dropout: 0, input },
  { kind: 'cnn', filters: [8, 16, 8, 4, 4], dense: 32, batchNorm: false, dropout: 0, input },
];

it.each(models)(
  'counts the weights of $kind networks for pictures before there are any',
  (model) => {
    const graph = new Graph({ seed: 1 });
    const picture = graph.placeholder(
      'image',
      [null, input.size, input.size, input.channels],
      'u8',
    );
    nn.sequential(pictureLayers(model, input.size, 5)).apply(picture, { training: false });
    const real = graph.variables.reduce(
      (sum, { node }) =>
        sum + node.shape.reduce<number>((product, side) => product * (side ?? 1), 1),
      0,
    );
    const labels = Array.from({ length: 5 }, (_, label) => ({ label: `${label}`, count: 2 }));
    const profile = { kind: 'images', labels } as unknown as ImagesProfile;
    expect(networkSize({ model } as CompletedSpec, profile).weights).toBe(real);
  },
);

it.each(['linear', 'mlp'])(
  'counts those of a %s network for a table by its statistics',
  async (kind) => {
    const rows = Array.from({ length: 400 }, (_, n) => ({
      number: n % 17,
      gaps: n % 5 === 0 ? null : n / 3,
      flag: n % 2 === 0,
      colour: ['red', 'green', 'blue'][n % 3],
      place: `place ${n % 80}`,
      id: `id ${n}`,
      constant: 1,
      kind: ['a', 'b', 'c', 'd'][n % 4],
    }));
    const workDir = mkdtempSync(join(folder, 'run-'));
    const data = await openTable(rows, workDir, 1);
    const profile = data.profile as TableProfile;
    for (const column of profile.columns) {
      const values = rows.map((row) => row[column.name as keyof (typeof rows)[number]]);
      column.distinct = new Set(values.filter((value) => value !== null)).size;
    }
    const given = { name: 'm', dataset: 'd', task: 'tabular-classification', target: 'kind' };
    const model = kind === 'mlp' ? { kind, hidden: [24, 12] } : { kind };
    const training = { epochs: 1 };
    const parsed = parseOrThrow(trainSpec, { ...given, model, training }, 'invalid-spec');
    const { spec } = completeSpec(parsed, 'd@1', profile);
    const signal = new AbortController().signal;
    const events = { progress() {}, metrics() {}, log() {} };
    const { artifact } = await train(spec, data, { workDir, threads: 1, signal }, events);
    expect(networkSize(spec, profile).weights).toBe(
      weightsIn(join(artifact, 'weights.safetensors')),
    );
  },
);

/** By the header of the file: a length and JSON of that length. */
function weightsIn(path: string): number {
  const bytes = readFileSync(path);
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { shape?: number[] }> = JSON.parse(bytes.toString('utf8', 8, end));
  return Object.values(header).reduce(
    (sum, { shape }) => sum + (shape?.reduce((product, side) => product * side, 1) ?? 0),
    0,
  );
}
