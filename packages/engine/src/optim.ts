export { adam, adamw, momentum, sgd } from './optimizers.ts';
export { constant, cosine, exponential, stepDecay, warmup } from './schedules.ts';
