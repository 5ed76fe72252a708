// One epoch of a linear model on 3,000,000 flights in a process of its own: its time and its largest memory.
import { tabularRegressor } from '@vanda/estimators';
import { flights } from './tables.ts';

const started = performance.now();
const model = await tabularRegressor({
  target: flights.target,
  model: { kind: 'linear' },
  training: { epochs: 1 },
  threads: 2,
}).fit(flights.file);
const seconds = (performance.now() - started) / 1000;
const memory = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ seconds, memory, metrics: model.metrics.test }));
model.close();
