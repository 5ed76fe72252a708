import type { JobPreview } from '@vanda/contracts';
import { expect, test } from 'vitest';
import { guessingText, previewText } from './preview-text.ts';

const preview = (given: Partial<JobPreview>): JobPreview => ({
  epoch: 3,
  validation: null,
  chance: null,
  goodEnough: true,
  createdAt: '2026-01-01T00:00:00Z',
  ...given,
});

test('a preview says of which epoch it is and how good', () => {
  const label = preview({ validation: { accuracy: 0.94, loss: 0.1 }, chance: 0.25 });
  expect(previewText(label)).toBe('After epoch 3: accuracy 0.940 on the validation split.');
  expect(guessingText(label)).toMatch(
    /\(accuracy 0\.940; .* most frequent label is right in 25 %\)/,
  );
  const number = preview({ validation: { r2: -0.2, rmse: 4 } });
  expect(previewText(number)).toBe('After epoch 3: R² -0.200 on the validation split.');
  expect(guessingText(number)).toMatch(/always answering the mean would do as well/);
  expect(previewText(preview({}))).toMatch(/^After epoch 3; there is no validation split/);
});
