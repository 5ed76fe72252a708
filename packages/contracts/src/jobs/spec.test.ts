import { describe, expect, it } from 'vitest';
import { VandaError } from '../errors.ts';
import { parseOrThrow } from '../validation.ts';
import { trainSpec } from './spec.ts';

const digits = { name: 'digits', task: 'image-classification', dataset: 'mnist' };
const species = {
  name: 'species',
  task: 'tabular-classification',
  dataset: 'penguins@2',
  target: 'Species',
};

function refusal(spec: unknown): VandaError {
  try {
    parseOrThrow(trainSpec, spec, 'invalid-spec');
  } catch (error) {
    if (error instanceof VandaError) return error;
    throw error;
  }
  throw new Error('The spec was taken.');
}

it('takes the shortest specs', () => {
  expect(parseOrThrow(trainSpec, digits)).toMatchObject({ kind: 'train', ...digits });
  expect(parseOrThrow(trainSpec, species)).toMatchObject(species);
});

describe('a refusal points to the field and says what would be right', () => {
  it.each([
    [
      { ...digits, task: 'image-recognition' },
      '/task',
      /"image-classification", "tabular-classification", "tabular-regression"/,
    ],
    [{ ...digits, epochs: 3 }, '/epochs', /There is no field "epochs" here/],
    [
      { ...species, training: { augment: { flip: true } } },
      '/training/augment',
      /Only pictures are augmented/,
    ],
    [{ ...digits, training: { augment: { crop: 1 } } }, '/training/augment/crop', /at most 0.9/],
    [{ ...digits, training: { epochs: 0 } }, '/training/epochs', /at least 1/],
    [{ ...digits, training: { epochs: -1 } }, '/training/epochs', /at least 1/],
    [{ ...digits, training: { epochs: 1e9 } }, '/training/epochs', /at most 10000/],
    [{ ...digits, training: { epochs: 1.5 } }, '/training/epochs', /whole number/],
    [{ ...digits, training: { epochs: 'three' } }, '/training/epochs', /^Must be a number\.$/],
    [{ ...digits, dataset: undefined }, '/dataset', /^Is missing; must be a string\.$/],
    [
      { ...digits, training: { optimizer: { kind: 'adam', learningRate: null } } },
      '/training/optimizer/learningRate',
      /number/,
    ],
    [
      { ...digits, training: { optimizer: { kind: 'adam', learningRate: Number.NaN } } },
      '/training/optimizer/learningRate',
      /number/,
    ],
    [
      { ...digits, training: { optimizer: { kind: 'lbfgs' } } },
      '/training/optimizer/kind',
      /"sgd", "momentum", "adam", "adamw"/,
    ],
    [{ ...digits, model: { kind: 'resnet' } }, '/model/kind', /"linear", "mlp", "cnn"/],
    [{ ...digits, target: 'label' }, '/target', /labelled by their folders/],
    [{ ...species, target: undefined }, '/target', /name the column/],
    [{ ...species, model: { kind: 'cnn' } }, '/model/kind', /"linear", "mlp"/],
    [{ ...digits, name: '../etc' }, '/name', /\^\[a-z0-9\]/],
    [{ ...digits, name: 'x'.repeat(64) }, '/name', /1 to 63 characters/],
    [{ ...digits, dataset: 'mnist@0' }, '/dataset', /NAME@VERSION/],
    [{ ...digits, split: { validation: 0.6, test: 0.6 } }, '/split', /at least 5 %/],
    [
      { ...digits, deploy: { endpoint: 'd', minimum: { acuracy: 0.9 } } },
      '/deploy/minimum/acuracy',
      /no field "acuracy"/,
    ],
    ['train it', '', /object|record/],
    [null, '', /object|record/],
  ])('%j', (spec, pointer, message) => {
    const error = refusal(spec);
    expect(error.code).toBe('invalid-spec');
    expect(error.errors?.map((one) => one.pointer)).toContain(pointer);
    expect(error.errors?.find((one) => one.pointer === pointer)?.message).toMatch(message);
  });

  it('a learning rate that is only far too high is taken: training says that it diverges', () => {
    const spec = { ...digits, training: { optimizer: { kind: 'sgd', learningRate: 1e308 } } };
    expect(parseOrThrow(trainSpec, spec).training?.optimizer?.learningRate).toBe(1e308);
  });
});
