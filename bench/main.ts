// `npm run bench [-- FOLDER... --peers --only=CASE,...]`: runs the cases of each folder below bench/ and appends one JSON line a result
// to bench/results/FOLDER.jsonl. Machines are shared and differ, so only ratios of one run count: with --peers the
// peers of a case are measured in the same run, by the scripts of bench/peers.
import { appendFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Cases, Measurement } from './result.ts';

const here = import.meta.dirname;
const words = process.argv.slice(2);
const peers = words.includes('--peers');
const only = words
  .find((word) => word.startsWith('--only='))
  ?.slice(7)
  .split(',');
const wants = (name: string) => only === undefined || only.includes(name);
const asked = words.filter((word) => !word.startsWith('--'));
const known = readdirSync(here).filter((name) => existsSync(join(here, name, 'cases.ts')));
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`There is no bench ${unknown.join(', ')}; there are: ${known.join(', ')}.`);
  process.exit(1);
}

const machine = `${cpus()[0]?.model.trim()} x${cpus().length}`;
mkdirSync(join(here, 'results'), { recursive: true });
for (const name of asked.length > 0 ? asked : known) {
  const { cases } = (await import(join(here, name, 'cases.ts'))) as { cases: Cases };
  const measured: Measurement[] = [];
  for await (const one of cases({ peers, wants })) {
    measured.push(one);
    const date = new Date().toISOString();
    appendFileSync(
      join(here, 'results', `${name}.jsonl`),
      `${JSON.stringify({ ...one, machine, date })}\n`,
    );
    console.log(`${name}  ${one.case}  ${one.system}  ${show(one)}${ratio(one, measured)}`);
  }
}

function show({ value, unit }: Measurement): string {
  const figure = Number(value.toPrecision(4)).toLocaleString('en');
  return { us: `${figure} us`, per_s: `${figure} / s`, bytes: `${figure} bytes`, score: figure }[
    unit
  ];
}

/** Beside what ours is, when both were measured in this run: above 1 is better than the peer. */
function ratio(one: Measurement, measured: Measurement[]): string {
  const ours = measured.find((other) => other.case === one.case && other.system === 'vanda');
  if (!ours || one.system === 'vanda') return '';
  const times = one.better === 'lower' ? one.value / ours.value : ours.value / one.value;
  return `  (vanda is ${times.toFixed(2)} x)`;
}
