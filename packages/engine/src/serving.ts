// The front door for whoever only answers with models that are there: a third of the modules behind the whole one,
// which a process that starts for a request waits for.
export type { Signature, SignatureType, ValueType } from './artifact.ts';
export { Artifact, loadArtifact } from './artifact.ts';
export type { EngineErrorCode } from './engine-error.ts';
export { EngineError } from './engine-error.ts';
export type { Feeds, SessionOptions } from './session.ts';
export type { Dim, DType, Tensor, TensorData } from './tensor.ts';
export { tensor } from './tensor.ts';
