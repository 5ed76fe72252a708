export type Verb = 'predict' | 'classify' | 'regress';
export interface ModelAddress {
  name: string;
  version?: number;
  label?: string;
}
export type Route =
  | { kind: 'alive' }
  | { kind: 'metrics' }
  | ({ kind: 'infer'; verb: Verb } & ModelAddress)
  | ({ kind: 'status' } & ModelAddress)
  | ({ kind: 'metadata' } & ModelAddress)
  | { kind: 'try'; jobId: string }
  | { kind: 'malformed' };

const version = '(?:/versions/(\\d+)|/labels/([^/:]+))?';
const infer = new RegExp(`^/v1/models/([^/:]+)${version}:(classify|regress|predict)$`, 'i');
const look = new RegExp(`^/v1/models(?:/([^/:]+))?${version}(/metadata)?$`, 'i');

/** What a job has to try; our own, beside TensorFlow Serving's. */
const trial = /^\/v1\/jobs\/([^/:]+):predict$/i;

/** TensorFlow Serving's addresses, whose fixed words may be written in any case. */
export function readRoute(method: string, url: string): Route {
  const path = decodePath(url);
  const reads = method === 'GET' || method === 'HEAD';
  if (path === null) return { kind: 'malformed' };
  if (reads && path === '/') return { kind: 'alive' };
  if (reads && path.toLowerCase() === '/monitoring/prometheus/metrics') return { kind: 'metrics' };
  const asked = method === 'POST' ? infer.exec(path) : null;
  if (asked) {
    return { kind: 'infer', verb: asked[4]?.toLowerCase() as Verb, ...address(asked) };
  }
  const tried = method === 'POST' ? trial.exec(path) : null;
  if (tried) return { kind: 'try', jobId: tried[1] ?? '' };
  const looked = reads ? look.exec(path) : null;
  if (looked) return { kind: looked[4] ? 'metadata' : 'status', ...address(looked) };
  return { kind: 'malformed' };
}

function address(match: RegExpExecArray): ModelAddress {
  return {
    name: match[1] ?? '',
    ...(match[2] === undefined ? {} : { version: Number(match[2]) }),
    ...(match[3] === undefined ? {} : { label: match[3] }),
  };
}

function decodePath(url: string): string | null {
  try {
    return decodeURIComponent(url.split('?', 1)[0] ?? '');
  } catch {
    return null;
  }
}

/** How TensorFlow Serving names what was asked for. */
export function describe({ name, version: number, label }: ModelAddress): string {
  if (number !== undefined) return `Specific(${name}, ${number})`;
  if (label !== undefined) return `Label(${name}, ${label})`;
  return `Latest(${name})`;
}
