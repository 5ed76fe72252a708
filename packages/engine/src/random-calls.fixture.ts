// `node random-calls.fixture.ts SEED CALLS`: calls everything that the addon exports with arguments that nobody in
// their right mind gives, and prints what came of it. Only an EngineError or an answer may; the process must live.
import { EngineError } from './engine-error.ts';
import type { Native } from './native.ts';
import { native } from './native.ts';

type Random = (below: number) => number;

/** Mulberry32. */
function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below;
  };
}

const addon = native();
const random = randomOf(Number(process.argv[2]));
const calls = Number(process.argv[3]);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random(list.length))] as T;
const operations = addon.operations();
const texts = [
  '',
  'x',
  'f32',
  'i32',
  'same',
  'explicit',
  'placeholder',
  '../x',
  '\0',
  '🐕',
  'y'.repeat(5000),
];
const numbers = [
  0,
  1,
  2,
  3,
  -1,
  0.5,
  7,
  64,
  513,
  2 ** 31,
  2 ** 53,
  -(2 ** 40),
  1e300,
  NaN,
  Infinity,
];
const small = [0, 1, 2, 3, 4, 5, -1, -2];
const handles: object[] = [];

/** An array whose memory is gone, as after a transfer to a worker. */
function detached(): Float32Array {
  const data = new Float32Array(8);
  structuredClone(data, { transfer: [data.buffer] });
  return data;
}

function strangeObject(): object {
  const getters = {
    get shape(): never {
      throw new Error('a getter that throws');
    },
    get name() {
      return 'x';
    },
  };
  const proxy = new Proxy({}, { get: (_, key) => (key === 'length' ? 2 ** 31 : undefined) });
  return pick([
    getters,
    proxy,
    Object.create(null),
    new Map(),
    () => 1,
    new Date(),
    /x/,
    detached(),
  ]);
}

function tensor(): object {
  const shape = Array.from({ length: Math.floor(random(4)) }, () => pick(small));
  const count = Math.max(
    0,
    shape.reduce((product, dim) => product * dim, 1),
  );
  const data = pick([
    new Float32Array(count),
    new Int32Array(count),
    new Uint8Array(count),
    new BigInt64Array(count),
    new Float64Array(count),
    detached(),
    [1, 2, 3],
    undefined,
  ]);
  return {
    name: pick(['x', 'w', '', undefined]),
    dtype: pick(['f32', 'i32', 'i64', 'u8', 'bool', 'f64', 9]),
    shape,
    data,
  };
}

function anything(depth = 0): unknown {
  const kind = Math.floor(random(depth > 2 ? 6 : 12));
  if (kind === 0) return pick(numbers);
  if (kind === 1) return pick(texts);
  if (kind === 2) return pick([undefined, null, true, false, 3n, Symbol('x')]);
  if (kind === 3) return strangeObject();
  if (kind === 4 || kind === 5) return handles.length > 0 ? pick(handles) : {};
  if (kind === 6) return tensor();
  if (kind === 7) return flatValues();
  if (kind === 8) return Array.from({ length: Math.floor(random(4)) }, () => anything(depth + 1));
  if (kind === 9) return attributesOf(pick(operations));
  const keys = [
    'columns',
    'rows',
    'batchSize',
    'untilEpoch',
    'untilStep',
    'name',
    'data',
    'prefetch',
    'seed',
  ];
  return Object.fromEntries(
    keys.filter(() => random(2) < 1).map((key) => [key, anything(depth + 1)]),
  );
}

function flatValues(): number[] {
  return Array.from({ length: Math.floor(random(6)) }, (_, i) =>
    i % 2 === 0 ? Math.floor(random(40)) - 1 : pick([0, 0, 0, 1, -1]),
  );
}

function attributesOf(operation: (typeof operations)[number]): Record<string, unknown> {
  const value = (kind: string) => {
    if (random(12) < 1) return anything(3);
    if (kind === 'boolean') return random(2) < 1;
    if (kind === 'integer') return pick([...small, ...numbers]);
    if (kind === 'number') return pick([0.1, 0.5, ...numbers]);
    if (kind === 'text') return pick(texts);
    return Array.from({ length: Math.floor(random(5)) }, () =>
      pick(random(8) < 1 ? numbers : small),
    );
  };
  return Object.fromEntries(
    operation.attributes.filter(() => random(5) < 4).map(({ name, kind }) => [name, value(kind)]),
  );
}

/** An operation with arguments that have a chance. */
function plausibleAdd(graph: InstanceType<Native['Graph']>): void {
  const operation = pick(operations);
  const count =
    operation.inputsMin +
    Math.floor(random(Math.min(3, operation.inputsMax - operation.inputsMin + 1)));
  const inputs = Array.from({ length: count }, () => [Math.floor(random(graph.size())), 0]).flat();
  const source = operation.name === 'placeholder' || operation.name === 'variable';
  graph.add(
    operation.name,
    inputs,
    attributesOf(operation) as Record<string, number>,
    source ? `n${Math.floor(random(1e9))}` : undefined,
  );
}

function seedGraph(): InstanceType<Native['Graph']> {
  const graph = new addon.Graph();
  graph.add('placeholder', [], { dtype: 'f32', shape: [-1, 3] }, 'x');
  graph.add(
    'variable',
    [],
    { dtype: 'f32', shape: [3, 2], trainable: true, init: 'zeros', scale: 0, seed: 1 },
    'w',
  );
  graph.add('dense', [0, 0, 1, 0], {});
  graph.add('mean', [2, 0], { axes: [], keepDims: false });
  return graph;
}

const counts: Record<string, number> = {};
const count = (what: string) => {
  counts[what] = (counts[what] ?? 0) + 1;
};
const outcomeOf = (error: unknown) => {
  if (error instanceof EngineError) return `EngineError ${error.code}`;
  const text = error instanceof Error ? error.message : String(error);
  return text === 'a getter that throws' ? 'the getter' : `other: ${text}`;
};

const classes = ['Graph', 'Session', 'Pipeline', 'Trainer', 'SkipGram'] as const;
const functions = ['readSafetensors', 'operations', 'info'] as const;
for (let call = 0; call < calls; call += 1) {
  try {
    let result: unknown;
    const way = random(10);
    if (way < 1) {
      const Class = addon[pick(classes)] as unknown as new (...words: unknown[]) => object;
      result =
        random(3) < 1
          ? seedGraph()
          : new Class(anything(), anything(), anything(), anything(), anything());
    } else if (way < 1.3) {
      const call = addon[pick(functions)] as unknown as (...words: unknown[]) => unknown;
      result = call(anything(), anything());
    } else if (handles.length > 0) {
      const handle = pick(handles) as Record<string, (...words: unknown[]) => unknown>;
      const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(handle)).filter(
        (name) => name !== 'constructor',
      );
      const name = pick(methods);
      if ('addConstant' in handle && way > 5) plausibleAdd(handle as never);
      else result = handle[name]?.(anything(), anything(), anything(), anything(), anything());
    }
    if (result instanceof Promise) {
      const late = await Promise.race([
        result.then(() => 'answered', outcomeOf),
        new Promise<string>((resolve) => setTimeout(resolve, 200, 'still running')),
      ]);
      count(late);
    } else count('answered');
    const known =
      typeof result === 'object' &&
      result !== null &&
      !Array.isArray(result) &&
      !(result instanceof Promise);
    const isHandle = known && classes.some((name) => result instanceof (addon[name] as never));
    if (isHandle) handles.push(result as object);
    if (handles.length > 12) handles.splice(Math.floor(random(6)), 1);
  } catch (error) {
    count(outcomeOf(error));
  }
}
console.log(JSON.stringify(counts));
// A training that was started may go on for ever.
process.exit(0);
