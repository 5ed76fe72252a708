export type EngineErrorCode =
  | 'shape_mismatch'
  | 'dtype_mismatch'
  | 'invalid_attribute'
  | 'unknown_op'
  | 'invalid_graph'
  | 'no_gradient'
  | 'invalid_feed'
  | 'unknown_name'
  | 'limit'
  | 'diverged'
  | 'corrupt_file'
  | 'io'
  | 'busy'
  | 'closed'
  | 'out_of_memory'
  | 'unsupported'
  | 'not_built'
  | 'internal';

/** Everything that the engine throws or rejects with. `op` says where, `detail` is a sentence. */
export class EngineError extends Error {
  readonly code: EngineErrorCode;
  readonly op: string;
  readonly detail: string;

  constructor(code: EngineErrorCode, op: string, detail: string) {
    super(op === '' ? detail : `${op}: ${detail}`);
    this.name = 'EngineError';
    this.code = code;
    this.op = op;
    this.detail = detail;
  }
}
