// `node bench/engine/forward-one.ts NETWORK FOLDER`: answers of FOLDER/NETWORK.onnx at batch 1 and 16, on two threads,
// beside ONNX Runtime, which runs the same file. Each system lives in a process of its own and they take turns: a
// machine whose speed drifts, as one that others share does, slows both alike. Prints one JSON line a result, and
// leaves the network as an artifact in FOLDER/NETWORK.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSafetensors, Session, saveArtifact, type Tensor } from '@vanda/engine';
import { exportOnnx, importOnnx } from '@vanda/formats';
import type { Measurement } from '../result.ts';
import { channelsLast } from './channels-last.ts';

const threads = 2;
const rounds = 21;
// Longer than any call, so that a turn is more than one.
const turnMs = { 1: 300, 16: 2500 };
const restMs = 20;

const [name = '', folder = ''] = process.argv.slice(2);
const network = await importOnnx(await readFile(join(folder, `${name}.onnx`)));
const { inputs, outputs } = network;
const session = new Session(network.graph, { threads });
await saveArtifact(join(folder, name), { session, signatures: { predict: { inputs, outputs } } });
session.close();

await race(`${name}-b1`, 1, ['vanda', 'onnxruntime']);
await race(`${name}-b16`, 16, ['vanda', 'onnxruntime']);
if (name === 'mobilenet-v2') {
  const { tensors } = await readSafetensors(join(folder, `${name}.safetensors`));
  const calibration = [{ input: channelsLast(tensors.input1 as Tensor) }];
  const small = await exportOnnx(network, { form: 'int8-static', calibration });
  await writeFile(join(folder, `${name}-int8.onnx`), small);
  // The engine has no kernels of eight bits: what it has at hand for the same task is the network as it is.
  await race(`${name}-int8-b1`, 1, ['vanda', 'onnxruntime-int8']);
}

async function race(label: string, batch: 1 | 16, systems: string[]): Promise<void> {
  const children = systems.map((system) =>
    fork(join(import.meta.dirname, 'forward-turns.ts'), [system, name, folder, `${batch}`]),
  );
  const times: number[][] = systems.map(() => []);
  await Promise.all(children.map(answer));
  for (let round = 0; round < rounds; round += 1) {
    for (const [i, child] of children.entries()) {
      child.send(turnMs[batch]);
      times[i]?.push(await answer(child));
      // Threads may stay awake for a while; they would take the other's turn.
      await sleep(restMs);
    }
  }
  for (const [i, system] of systems.entries()) {
    children[i]?.disconnect();
    const value = times[i]?.sort((a, b) => a - b)[rounds >> 1] ?? Number.NaN;
    const result: Measurement = { case: label, system, value, unit: 'us', better: 'lower' };
    console.log(JSON.stringify(result));
  }
}

async function answer(child: ChildProcess): Promise<number> {
  const done = new AbortController();
  const { signal } = done;
  try {
    const ended = once(child, 'exit', { signal }).then(() => {
      throw new Error(`A system ended while it raced with ${name}.`);
    });
    const [value] = await Promise.race([once(child, 'message', { signal }), ended]);
    return value as number;
  } finally {
    done.abort();
  }
}
