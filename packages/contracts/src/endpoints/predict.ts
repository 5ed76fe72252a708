import { z } from 'zod';

/** What is forwarded to the inference server, and its answer: TensorFlow Serving's, in rows. */
export const predictBody = z.object({ instances: z.array(z.unknown()).min(1).max(1024) });
export const predictReply = z.record(z.string(), z.unknown());
