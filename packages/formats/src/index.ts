export { exportModel } from './export-model.ts';
export { FormatError } from './format-error.ts';
export type { ImportedNetwork, NamedTensors } from './imported-network.ts';
export type { OnnxImportOptions } from './onnx/import-onnx.ts';
export { importOnnx } from './onnx/import-onnx.ts';
