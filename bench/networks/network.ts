import type { DType, Node, Optimizer } from '@vanda/engine';
import { Graph, Pipeline, Session, Trainer, tensor } from '@vanda/engine';
import { integers, uniform } from './numbers.ts';

/** Random rows of one input: floats in [-1, 1) or [low, high), whole numbers below `bound`. */
export interface Input {
  readonly shape: readonly number[];
  readonly bound?: number;
  readonly low?: number;
  readonly high?: number;
}

/** A network with its loss and optimizer, as bench/peers/networks.py has it for PyTorch. */
export interface Network<Name extends string = string> {
  readonly name: string;
  /** Rows of a step. */
  readonly batch: number;
  /** In the order in which their numbers are drawn. */
  readonly inputs: Readonly<Record<Name, Input>>;
  build(inputs: Readonly<Record<Name, Node>>): { loss: Node; optimizer: Optimizer };
}

/** Lets `build` know its inputs by their names. */
export function network<Name extends string>(definition: Network<Name>): Network {
  return definition as unknown as Network;
}

/** A network ready to train on batches that come round again, with the same numbers in every language. */
export interface Prepared {
  readonly session: Session;
  readonly trainer: Trainer;
  close(): void;
}

/** Batches before they come round again. */
const batchesOfARound = 4;
const firstWeightSalt = 1000;

/** @param batch Rows of a step, where it is not the network's own number. */
export function prepare(network: Network, batch = network.batch): Prepared {
  const graph = new Graph({ seed: 1 });
  const rows = batch * batchesOfARound;
  const nodes: Record<string, Node> = {};
  const columns: Record<string, { data: Float32Array | Int32Array; shape: readonly number[] }> = {};
  for (const [salt, [name, input]] of Object.entries(network.inputs).entries()) {
    const shape = [rows, ...input.shape];
    const dtype: DType = input.bound === undefined ? 'f32' : 'i32';
    const data =
      input.bound === undefined
        ? uniform(salt, shape, input.low ?? -1, input.high ?? 1)
        : integers(salt, shape, input.bound);
    nodes[name] = graph.placeholder(name, [null, ...input.shape], dtype);
    columns[name] = { data, shape: input.shape };
  }
  const { loss, optimizer } = network.build(nodes);
  const trained = graph.variables.filter((info) => info.trainable);
  for (const [index, { name, shape }] of trained.entries()) {
    const [low, high] = weightRange(name, shape);
    const values = uniform(firstWeightSalt + index, shape, low, high);
    graph.initialValues.set(name, tensor(values, shape));
  }
  const session = new Session(graph, { threads: 2 });
  const pipeline = new Pipeline({ columns, batchSize: batch });
  const trainer = new Trainer(session, { pipeline, loss, optimizer });
  return {
    session,
    trainer,
    close: () => {
      session.close();
      pipeline.close();
    },
  };
}

/** Kernels by their fan-in, so that activations keep their size; scales near 1, shifts near 0. */
function weightRange(name: string, shape: readonly number[]): [number, number] {
  if (/(scale|gamma)$/.test(name)) return [0.9, 1.1];
  if (shape.length < 2) return [-0.1, 0.1];
  if (/table$/.test(name)) return [-0.5, 0.5];
  const fanIn = shape.slice(0, -1).reduce((product, dim) => product * dim, 1);
  const bound = Math.sqrt(3 / fanIn);
  return [-bound, bound];
}
