export { exportModel } from './export-model.ts';
export type { ExportableNetwork } from './export/exportable-network.ts';
export { readArtifactNetwork } from './export/exportable-network.ts';
export { FormatError } from './format-error.ts';
export type { ImportedNetwork, NamedTensors } from './imported-network.ts';
export { encodeModel, onnxModelOf } from './onnx/export/export-onnx.ts';
export { OnnxRuntime } from './onnx/export/onnx-runtime.ts';
export type { OnnxImportOptions } from './onnx/import-onnx.ts';
export { importOnnx } from './onnx/import-onnx.ts';
