import type { JobPreview, SplitMetrics } from '@vanda/contracts';
import { figure, percent, say } from '../../lib/format.ts';

/** How good a preview is, for a person: "After epoch 3: accuracy 0.942 on the validation split." */
export function previewText(preview: JobPreview): string {
  const { epoch, validation } = preview;
  const measured = measuredText(validation);
  return measured === null
    ? `After epoch ${epoch}; there is no validation split to measure it on.`
    : `After epoch ${epoch}: ${measured} on the validation split.`;
}

/** Why a preview is not worth trying yet. */
export function guessingText({ epoch, validation, chance }: JobPreview): string {
  const measured = measuredText(validation) ?? 'not measured';
  const guess =
    chance === null
      ? 'always answering the mean would do as well'
      : `always answering the most frequent label is right in ${percent(chance)}`;
  return `After epoch ${epoch} it still guesses (${measured}; ${guess}). It appears here by itself when it is better.`;
}

function measuredText(validation: SplitMetrics | null): string | null {
  for (const name of ['accuracy', 'r2', 'rmse'] as const) {
    const value = validation?.[name];
    if (value !== undefined) return `${say(name)} ${figure(value)}`;
  }
  return null;
}
