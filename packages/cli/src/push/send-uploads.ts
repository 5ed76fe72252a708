import { uploadFile } from '@vanda/client';
import type { Context } from '../context.ts';
import { plural, size } from '../output/text.ts';
import type { Planned } from './collect.ts';
import type { RememberedUploads } from './remembered-uploads.ts';

interface Sent {
  uploads: string[];
  someWereComplete: boolean;
}

/** Sends what an earlier push of the same files has not sent already. */
export async function sendUploads(
  context: Context,
  planned: Planned[],
  remembered: RememberedUploads,
): Promise<Sent> {
  const total = planned.reduce((sum, { source }) => sum + source.size, 0);
  const files = planned.reduce((sum, plan) => sum + plan.files, 0);
  const progress = context.progress('Sending');
  const uploads: string[] = [];
  let someWereComplete = false;
  let before = 0;
  try {
    for (const { source, fingerprint } of planned) {
      let begun = false;
      const upload = await uploadFile(context.client, source, {
        signal: context.signal,
        resume: await remembered.find(fingerprint),
        onUpload: async (id) => {
          begun = true;
          await remembered.remember(fingerprint, id);
        },
        onProgress: ({ sent }) => {
          const done = before + sent;
          const percent = total === 0 ? 100 : (100 * done) / total;
          progress.show(percent, `${size(done)} of ${size(total)}, ${plural(files, 'file')}`);
        },
      });
      someWereComplete ||= !begun;
      before += source.size;
      uploads.push(upload.uploadId);
    }
  } finally {
    progress.end();
  }
  return { uploads, someWereComplete };
}
