import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cases } from '../result.ts';
import { meanScore, sklearnMean } from './scores.ts';
import { tables } from './tables.ts';

/** Mean test scores over ten splits beside scikit-learn's on the same rows (its figures are committed). */
export const cases: Cases = async function* () {
  for (const table of tables) {
    const mean = await meanScore(table);
    const name = `${table.name}-${table.metric}`;
    yield { case: name, system: 'vanda', value: mean, unit: 'score', better: 'higher' };
    const value = sklearnMean(table);
    yield { case: name, system: 'scikit-learn', value, unit: 'score', better: 'higher' };
  }
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, [join(import.meta.dirname, 'flights.ts')]);
  const flights = JSON.parse(stdout) as { seconds: number; memory: number };
  yield {
    case: 'flights-3m-linear-epoch',
    system: 'vanda',
    value: flights.seconds * 1e6,
    unit: 'us',
    better: 'lower',
  };
  yield {
    case: 'flights-3m-linear-epoch-memory',
    system: 'vanda',
    value: flights.memory,
    unit: 'bytes',
    better: 'lower',
  };
};
