// `node bench/engine/train-one.ts NETWORK`: trains one network in a process of its own, so that its memory is its own,
// and prints what it measured as one JSON line.
import { readFileSync } from 'node:fs';
import { prepare } from '../networks/network.ts';
import { networks } from '../networks/networks.ts';

export interface TrainedOne {
  /** The first ten losses: a speed counts only with the right numbers. */
  losses: number[];
  /** One training step, the median of five runs. */
  us: number;
  /** The most memory that the process has held. */
  peakBytes: number;
}

const checkedSteps = 10;
const rounds = 5;
/** Long enough for a clock, short enough for patience. */
const roundMs = 1500;

const network = networks.find(({ name }) => name === process.argv[2]);
if (!network) throw new Error(`There is no network ${process.argv[2]}.`);
const { trainer, close } = prepare(network);
const losses: number[] = [];
let target = checkedSteps;
await trainer.train({
  untilStep: target,
  onMetrics: (points) => losses.push(...points.map(({ loss }) => loss)),
});
const timed = async (steps: number) => {
  target += steps;
  const start = performance.now();
  await trainer.train({ untilStep: target });
  return (performance.now() - start) / steps;
};
const guessMs = await timed(checkedSteps);
const steps = Math.max(4, Math.min(20_000, Math.round(roundMs / guessMs)));
const times: number[] = [];
for (let round = 0; round < rounds; round += 1) times.push(await timed(steps));
times.sort((a, b) => a - b);
const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
const result: TrainedOne = {
  losses,
  us: (times[Math.floor(rounds / 2)] ?? 0) * 1000,
  peakBytes: Number(peak ?? 0) * 1024,
};
console.log(JSON.stringify(result));
close();
