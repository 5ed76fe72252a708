import type { TrainingRate } from '@vanda/contracts';
import { Graph, losses, nn, optim, Pipeline, Session, Trainer } from '@vanda/engine';
import sharp from 'sharp';
import { decodePicture } from './pictures/decode-picture.ts';

/** The quickest of some tries is what the machine can do when nothing else is at work. */
const tries = 8;

/**
 * Measures how fast trainings go on this machine, in a few tenths of a second: three small networks are trained for
 * some steps each. One is so small that only what every step costs is left, one has many weights for what it
 * computes, one is convolutions.
 */
export async function measureRate(options: {
  threads: number;
}): Promise<Omit<TrainingRate, 'startSeconds'>> {
  const { threads } = options;
  const small = await secondsPerStep(threads, { row: [16], batch: 32, steps: 50 }, [nn.dense(8)]);
  const wide = await secondsPerStep(threads, { row: [512], batch: 8, steps: 1 }, [
    nn.dense(1024),
    nn.dense(8),
  ]);
  const [side, filters, batch] = [16, 32, 32];
  const picture = await secondsPerStep(threads, { row: [side, side, 1], batch, steps: 1 }, [
    nn.conv2d(filters, 3, { padding: 'same', activation: 'relu' }),
    nn.conv2d(filters, 3, { padding: 'same', activation: 'relu' }),
    nn.maxPool(2),
    nn.flatten(),
    nn.dense(8),
  ]);
  const operations = 3 * batch * 2 * 9 * side * side * (filters + filters * filters);
  return {
    threads,
    stepSeconds: small,
    weightSeconds: Math.max(1e-11, (wide - small) / (513 * 1024)),
    operationsPerSecond: operations / Math.max(1e-6, picture - small),
    pixelSeconds: await secondsPerPixel(),
  };
}

async function secondsPerStep(
  threads: number,
  { row, batch, steps }: { row: number[]; batch: number; steps: number },
  layers: nn.Layer[],
): Promise<number> {
  const graph = new Graph({ seed: 1 });
  const input = graph.placeholder('input', [null, ...row], 'f32');
  const target = graph.placeholder('target', [null], 'i32');
  const loss = losses.softmaxCrossEntropy(
    nn.sequential(layers).apply(input, { training: true }),
    target,
  );
  const session = new Session(graph, { threads });
  const rows = batch * steps;
  const width = row.reduce((product, side) => product * side, 1);
  const pipeline = new Pipeline({
    columns: {
      input: {
        data: Float32Array.from({ length: rows * width }, (_, at) => (at % 7) / 7),
        shape: row,
      },
      target: { data: Int32Array.from({ length: rows }, (_, at) => at % 8) },
    },
    batchSize: batch,
  });
  try {
    const trainer = new Trainer(session, {
      pipeline,
      loss,
      optimizer: optim.adam({ learningRate: 1e-3 }),
    });
    let best = Number.POSITIVE_INFINITY;
    // The first try also plans the graph and is not counted.
    for (let epoch = 1; epoch <= tries + 1; epoch++) {
      const from = performance.now();
      await trainer.train({ untilEpoch: epoch });
      if (epoch > 1) best = Math.min(best, performance.now() - from);
    }
    return best / 1000 / steps;
  } finally {
    pipeline.close();
    session.close();
  }
}

async function secondsPerPixel(): Promise<number> {
  const side = 256;
  const grain = Uint8Array.from({ length: side * side * 3 }, (_, at) => (at * 7919) % 251);
  const raw = { width: side, height: side, channels: 3 as const };
  const file = await sharp(grain, { raw }).jpeg().toBuffer();
  let best = Number.POSITIVE_INFINITY;
  for (let one = 0; one < tries; one++) {
    const from = performance.now();
    await Promise.all(
      Array.from({ length: 4 }, () => decodePicture(file, { size: 64, channels: 3 })),
    );
    best = Math.min(best, performance.now() - from);
  }
  return best / 1000 / (4 * side * side);
}
