import { type TensorField, VandaError } from '@vanda/contracts';
import {
  EngineError,
  type Feeds,
  type Node,
  type Session,
  type Tensor,
  type TensorData,
  tensor,
} from '@vanda/engine';
import { elementsOf } from '../tensors/tensor-predictions.ts';
import { madeUpInputs } from './made-up-inputs.ts';

/** Answers of one instance and of the same in company may differ by rounding alone. */
const tolerance = 1e-3;

export interface Probed {
  inputs: TensorField[];
  outputs: TensorField[];
  /** Whether instances may be computed together and answer as each does alone. */
  batched: boolean;
  /** What two made-up instances were answered, each by itself. */
  answers: readonly Readonly<Record<string, Tensor>>[];
}

type Nodes = Readonly<Record<string, Node>>;
type Run = (feeds: Feeds) => Promise<Record<string, Tensor>>;

/**
 * Runs a network on made-up instances: it must run at all, and its answers show the shape of an instance. Two are
 * computed together only where that changes neither: a network may well treat its first dim as something else, and
 * then one caller's numbers must not reach another's answer.
 *
 * @throws VandaError 'bad-data' where it does not run.
 */
export async function probe(session: Session, inputs: Nodes, outputs: Nodes): Promise<Probed> {
  const fields = Object.entries(inputs).map(([name, { dtype, shape }]) => ({
    name,
    dtype,
    shape: ofOne(shape),
  }));
  const run: Run = (feeds) => session.run(byNode(feeds, inputs), { ...outputs });
  const { feeds, answers } = await twoAlone(run, inputs);
  const answered = Object.entries(answers[0]).map(([name, { dtype, shape }]) => ({
    name,
    dtype,
    shape: ofOne(shape),
  }));
  for (const { name, shape } of [...fields, ...answered]) {
    if (elementsOf(shape) > 0) continue;
    throw new VandaError('bad-data', `"${name}" holds no numbers: its shape is [${shape}].`);
  }
  const open = Object.values(inputs).every(({ shape }) => shape[0] === null);
  const batched = open && fields.length > 0 && (await agree(run, feeds, answers));
  return { inputs: fields, outputs: answered, batched, answers };
}

/** What an instance has of a tensor: all but a first dim that is open or 1. */
function ofOne(shape: readonly (number | null)[]): number[] {
  const fixed = shape.map((dim) => dim ?? 1);
  return fixed[0] === 1 ? fixed.slice(1) : fixed;
}

type Two<T> = readonly [T, T];

async function twoAlone(
  run: Run,
  inputs: Nodes,
): Promise<{ feeds: Two<Feeds>; answers: Two<Record<string, Tensor>> }> {
  for (const zeros of [false, true]) {
    const [one, other] = [1, 2].map((seed) => madeUpInputs(inputs, 1, { seed, zeros }));
    try {
      if (one && other) {
        return { feeds: [one, other], answers: [await run(one), await run(other)] };
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      if (zeros) throw new VandaError('bad-data', `The model does not run: ${error.message}.`);
    }
  }
  throw new VandaError('bad-data', 'The model does not run.');
}

async function agree(
  run: Run,
  [first, second]: Two<Feeds>,
  [one, other]: Two<Record<string, Tensor>>,
): Promise<boolean> {
  const together = Object.fromEntries(
    Object.entries(first).map(([name, value]) => [name, joined(value, second[name] ?? value)]),
  );
  const both = await run(together).catch(() => null);
  if (both === null) return false;
  return Object.entries(both).every(([name, { shape, data }]) => {
    const [a, b] = [one[name], other[name]];
    if (a === undefined || b === undefined || a.shape[0] !== 1) return false;
    if (shape.join() !== [2, ...a.shape.slice(1)].join()) return false;
    return Array.from<number | bigint, boolean>(data, (value, i) => {
      const half = a.data.length;
      const expected = Number(i < half ? a.data[i] : b.data[i - half]);
      const apart = Math.abs(Number(value) - expected);
      return Object.is(Number(value), expected) || apart <= tolerance * (1 + Math.abs(expected));
    }).every(Boolean);
  });
}

function joined({ data, shape, dtype }: Tensor, { data: other }: Tensor): Tensor {
  const both = [data, other].flatMap((half) => [...half]);
  const made = (): TensorData => {
    if (dtype === 'f32') return Float32Array.from(both, Number);
    if (dtype === 'i32') return Int32Array.from(both, Number);
    return dtype === 'i64' ? BigInt64Array.from(both, BigInt) : Uint8Array.from(both, Number);
  };
  return tensor(made(), [2, ...shape.slice(1)], dtype);
}

/** A signature's inputs are called by the source's names, feeds by the placeholders'. */
function byNode(feeds: Feeds, inputs: Nodes): Feeds {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, value]) => [inputs[name]?.name ?? name, value]),
  );
}
