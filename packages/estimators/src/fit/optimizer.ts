import type { CompletedSpec } from '@vanda/contracts';
import { optim } from '@vanda/engine';

/** The spec's optimizer and schedule in the engine's words; epochs become steps. */
export function optimizerFor(
  { optimizer, schedule, l2, epochs }: CompletedSpec['training'],
  stepsPerEpoch: number,
): ReturnType<typeof optim.adam> {
  const learningRate = scheduleFor(optimizer.learningRate, schedule, epochs, stepsPerEpoch);
  switch (optimizer.kind) {
    case 'sgd':
      return optim.sgd({ learningRate, l2 });
    case 'momentum':
      return optim.momentum({
        learningRate,
        l2,
        momentum: optimizer.momentum ?? 0.9,
        nesterov: optimizer.nesterov ?? false,
      });
    case 'adam':
      return optim.adam({
        learningRate,
        l2,
        beta1: optimizer.beta1 ?? 0.9,
        beta2: optimizer.beta2 ?? 0.999,
      });
    case 'adamw':
      return optim.adamw({
        learningRate,
        l2,
        beta1: optimizer.beta1 ?? 0.9,
        beta2: optimizer.beta2 ?? 0.999,
        weightDecay: optimizer.weightDecay ?? 0.01,
      });
  }
}

function scheduleFor(
  rate: number,
  schedule: CompletedSpec['training']['schedule'],
  epochs: number,
  stepsPerEpoch: number,
): Parameters<typeof optim.sgd>[0]['learningRate'] {
  const warmupSteps = Math.round((schedule.warmupEpochs ?? 0) * stepsPerEpoch);
  const every = (schedule.everyEpochs ?? 1) * stepsPerEpoch;
  const steady = (() => {
    switch (schedule.kind) {
      case 'constant':
        return optim.constant(rate);
      case 'step':
        return optim.stepDecay(rate, { every, factor: schedule.factor ?? 0.1 });
      case 'exponential':
        return optim.exponential(rate, { every, factor: schedule.factor ?? 0.95 });
      case 'cosine':
        return optim.cosine(rate, { steps: Math.max(1, epochs * stepsPerEpoch - warmupSteps) });
    }
  })();
  return warmupSteps > 0 ? optim.warmup(warmupSteps, steady) : steady;
}
