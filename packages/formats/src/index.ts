export { exportModel } from './export-model.ts';
export { FormatError } from './format-error.ts';
export type { ImportedNetwork, NamedTensors } from './imported-network.ts';
