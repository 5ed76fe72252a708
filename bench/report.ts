// Writes the tables of bench/README.md from the newest results in bench/results: ours, the best peer of the same machine, and how
// many times better ours is. `npm run format` brings it into shape.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Measurement } from './result.ts';

type Kept = Measurement & { machine: string; date: string };

/** What the engine is held to: times better than the best peer, at least and hoped for. */
const wanted: Record<string, { least: number; hope: number }> = {
  'linreg-b32': { least: 50, hope: 100 },
  'mlp-b32': { least: 3.5, hope: 6 },
  'mlp-b128-wide': { least: 1.25, hope: 1.35 },
  'mnist-cnn-b128': { least: 1.2, hope: 1.6 },
  'resnet20-b128': { least: 1.15, hope: 1.3 },
  'wide-deep-b256': { least: 4, hope: 30 },
  'charlstm-b32-t64': { least: 1.2, hope: 1.7 },
  'textformer-b32-t64': { least: 1.25, hope: 1.8 },
  word2vec: { least: 2.5, hope: 4 },
  'mnist-cnn-b128-memory': { least: 1 / 0.6, hope: 1 / 0.4 },
  'resnet20-b128-memory': { least: 1 / 0.6, hope: 1 / 0.4 },
  'textformer-b32-t64-memory': { least: 1 / 0.6, hope: 1 / 0.4 },
  'inception-v3-b1': { least: 1, hope: 1.2 },
  'inception-v3-b16': { least: 1, hope: 1.1 },
  'mobilenet-v2-b1': { least: 1, hope: 1.2 },
  'mobilenet-v2-b16': { least: 1, hope: 1.2 },
  'mobilenet-v2-int8-b1': { least: 1, hope: 1.2 },
  'resnet50-b1': { least: 1, hope: 1.2 },
  'resnet50-b16': { least: 1.2, hope: 1.35 },
};
/** Where no peer runs from JavaScript: microseconds, at most and hoped for. */
const bounds: Record<string, { most: number; hope: number }> = {
  'mlp-b1-call': { most: 10, hope: 5 },
  'mnist-cnn-load-compile': { most: 150_000, hope: 60_000 },
  'inception-v3-load-compile': { most: 500_000, hope: 200_000 },
};

const here = import.meta.dirname;
const readme = join(here, 'README.md');
let text = readFileSync(readme, 'utf8');
for (const bench of ['engine']) {
  const begin = `<!-- the table of ${bench}: made by \`node bench/report.ts\` -->`;
  const end = `<!-- the end of the table of ${bench} -->`;
  const before = text.slice(0, text.indexOf(begin));
  const after = text.slice(text.indexOf(end) + end.length);
  text = [before + begin, '', ...tableOf(bench), '', end + after].join('\n');
}
writeFileSync(readme, text);

function tableOf(bench: string): string[] {
  const newest = new Map<string, Map<string, Kept>>();
  const lines = readFileSync(join(here, `results/${bench}.jsonl`), 'utf8')
    .trim()
    .split('\n');
  for (const line of lines) {
    const result = JSON.parse(line) as Kept;
    const systems = newest.get(result.case) ?? new Map<string, Kept>();
    newest.set(result.case, systems.set(result.system, result));
  }
  const ours = [...newest.values()].flatMap((systems) => systems.get('vanda') ?? []);
  const machines = new Set(ours.map(({ machine }) => machine));
  const dates = ours.map(({ date }) => date).sort();
  return [
    `Machine: ${[...machines].join(', ')}; newest results of ${dates.at(-1)?.slice(0, 10)}.`,
    '',
    '| case | vanda | best peer | ratio | wanted: at least, hope | the other peers |',
    '| --- | --- | --- | --- | --- | --- |',
    ...[...newest].flatMap(([name, systems]) => rowOf(name, systems)),
  ];
}

function rowOf(name: string, systems: ReadonlyMap<string, Kept>): string[] {
  const ours = systems.get('vanda');
  if (!ours) return [];
  // A peer's figure of another machine says nothing.
  const peers = [...systems.values()].filter(
    ({ system, machine }) => !system.startsWith('vanda') && machine === ours.machine,
  );
  const times = (peer: Kept) =>
    ours.better === 'lower' ? peer.value / ours.value : ours.value / peer.value;
  const best = peers.sort((a, b) => times(a) - times(b))[0];
  const others = peers.slice(1).map((peer) => `${peer.system} ${times(peer).toFixed(2)} x`);
  const cells = [
    name,
    show(ours),
    best ? `${best.system} ${show(best)}` : '',
    best ? `${times(best).toFixed(2)} x` : '',
    wantedOf(name),
    others.join(', '),
  ];
  return [`| ${cells.join(' | ')} |`];
}

function wantedOf(name: string): string {
  const ratio = wanted[name];
  if (ratio) return `${ratio.least.toFixed(2)} x, ${ratio.hope.toFixed(2)} x`;
  const bound = bounds[name];
  if (!bound) return '';
  return `at most ${bound.most.toLocaleString('en')} us, ${bound.hope.toLocaleString('en')} us`;
}

function show({ value, unit }: Measurement): string {
  const figure = (number: number) => Number(number.toPrecision(3)).toLocaleString('en');
  if (unit === 'bytes') return `${figure(value / 2 ** 20)} MiB`;
  return { us: `${figure(value)} us`, per_s: `${figure(value)} / s`, score: figure(value) }[unit];
}
