import { join } from 'node:path';
import { VandaError } from '@vanda/contracts';
import { sampleInputs } from '@vanda/estimators';
import { exportModel, FormatError } from '@vanda/formats';
import { serveTask } from '../bounded/serve-task.ts';
import { writeArchive } from '../training/model-archive.ts';
import type { ExportResult, ExportTask } from './export-task.ts';

/** Items that both forms of the model are asked about, and that show the ranges of its numbers. */
const sampleItemsMax = 1000;

/** The process of one export. */
serveTask<ExportTask, ExportResult>(async (task) => {
  const { artifact, format, outDir } = task;
  const { feeds, classes, split } = await sampleInputs(artifact, task.data, sampleItemsMax);
  try {
    const order = { artifact, format, folder: outDir, samples: feeds, classes };
    const { files, report: parity } = await exportModel(order);
    const report = { ...parity, split, madeUp: task.data === null };
    const [first] = files;
    if (files.length === 1 && first !== undefined) return { path: join(outDir, first), report };
    const path = join(outDir, 'files.zip');
    await writeArchive(
      path,
      files.map((name) => ({ name, path: join(outDir, name) })),
    );
    return { path, report };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    const sentence = error.message.replace(/\.?$/, '.');
    // Vanda's own form is there for whatever it can train or import.
    const remedy = 'The format safetensors takes every model.';
    throw new VandaError('bad-data', `${sentence} ${remedy}`, undefined, { cause: error });
  }
});
