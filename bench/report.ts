// Writes the table of bench/README.md from the newest results in bench/results/engine.jsonl: ours, the best peer of the
// same machine and day, and how many times better ours is. `npm run format` brings it into shape.
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
};
/** Where no peer runs from JavaScript: microseconds, at most and hoped for. */
const bounds: Record<string, { most: number; hope: number }> = {
  'mlp-b1-call': { most: 10, hope: 5 },
  'mnist-cnn-load-compile': { most: 150_000, hope: 60_000 },
};

const begin = '<!-- the table: made by `node bench/report.ts` -->';
const end = '<!-- the end of the table -->';
const here = import.meta.dirname;
const newest = new Map<string, Map<string, Kept>>();
for (const line of readFileSync(join(here, 'results/engine.jsonl'), 'utf8').trim().split('\n')) {
  const result = JSON.parse(line) as Kept;
  const systems = newest.get(result.case) ?? new Map<string, Kept>();
  newest.set(result.case, systems.set(result.system, result));
}

const rows = [...newest].flatMap(([name, systems]) => {
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
  const { least, hope } = wanted[name] ?? {};
  const bound = bounds[name];
  const cells = [
    name,
    show(ours),
    best ? `${best.system} ${show(best)}` : '',
    best ? `${times(best).toFixed(2)} x` : '',
    least && hope
      ? `${least.toFixed(2)} x, ${hope.toFixed(2)} x`
      : bound
        ? `at most ${bound.most.toLocaleString('en')} us, ${bound.hope.toLocaleString('en')} us`
        : '',
    others.join(', '),
  ];
  return [`| ${cells.join(' | ')} |`];
});
const machines = new Set([...newest.values()].map((systems) => systems.get('vanda')?.machine));
const dates = [...newest.values()].map((systems) => systems.get('vanda')?.date ?? '').sort();
const table = [
  begin,
  '',
  `Machine: ${[...machines].join(', ')}; newest results of ${dates.at(-1)?.slice(0, 10)}.`,
  '',
  '| case | vanda | best peer | ratio | wanted: at least, hope | the other peers |',
  '| --- | --- | --- | --- | --- | --- |',
  ...rows,
  '',
  end,
].join('\n');
const file = join(here, 'README.md');
const text = readFileSync(file, 'utf8');
writeFileSync(
  file,
  `${text.slice(0, text.indexOf(begin))}${table}${text.slice(text.indexOf(end) + end.length)}`,
);

function show({ value, unit }: Measurement): string {
  const figure = (number: number) => Number(number.toPrecision(3)).toLocaleString('en');
  if (unit === 'bytes') return `${figure(value / 2 ** 20)} MiB`;
  return { us: `${figure(value)} us`, per_s: `${figure(value)} / s`, score: figure(value) }[unit];
}
