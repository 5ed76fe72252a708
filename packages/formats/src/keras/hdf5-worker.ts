import { parentPort } from 'node:worker_threads';
import { FormatError } from '../format-error.ts';
import { Hdf5File } from './hdf5-file.ts';
import type { Answer, Request } from './hdf5-reader.ts';

/** One file, read on a thread of its own: each request has one answer, in its order. */
let file: Hdf5File | undefined;

parentPort?.on('message', async (request: Request) => {
  parentPort?.postMessage(await answer(request));
});

async function answer(request: Request): Promise<Answer> {
  try {
    if (request.call === 'open') {
      file = await Hdf5File.open(request.format, request.bytes);
      return { value: undefined };
    }
    if (!file) throw new Error('no file is open');
    if (request.call === 'numbers') return { value: file.numbers(request.path, request.shape) };
    return { value: file[request.call](request.group, request.name) };
  } catch (error) {
    if (error instanceof FormatError) return { field: error.field, sentence: error.sentence };
    return {
      field: 'file',
      sentence: `cannot be read: ${String(error)
        .replace(/^\w*Error: /, '')
        .slice(0, 200)}`,
    };
  }
}
