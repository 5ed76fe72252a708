import { Skeleton, Stack, Text } from '@mantine/core';
import { figure, milliseconds, percent } from '../../lib/format.ts';
import { CodeBlock } from '../../ui/code-block.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { ShareBars } from '../../ui/share-bars.tsx';
import type { Answer, ClassPrediction } from './use-prediction.ts';

interface Props {
  answer: Answer | undefined;
  error: unknown;
  pending: boolean;
  /** What a number means. */
  target?: string;
}

const shownMax = 10;

/** The answer in words, and the scores of the most likely labels. */
export function PredictionView({ answer, error, pending, target }: Props) {
  if (error) return <ProblemNote error={error} />;
  if (answer === undefined) {
    return pending ? (
      <Skeleton h={120} />
    ) : (
      <Text size="sm" c="dimmed">
        The prediction appears here.
      </Text>
    );
  }
  const { prediction } = answer;
  return (
    <Stack gap="sm" aria-live="polite" data-testid="prediction">
      {typeof prediction === 'number' ? (
        <Text>
          <Text span size="xl" fw={650}>
            {figure(prediction)}
          </Text>{' '}
          {target}
        </Text>
      ) : !isClass(prediction) ? (
        <CodeBlock text={tensorText(prediction)} what="prediction" />
      ) : (
        <>
          <Text>
            <Text span size="xl" fw={650}>
              {prediction.label}
            </Text>{' '}
            <Text span c="dimmed">
              {percent(prediction.score)} sure
            </Text>
          </Text>
          <ShareBars
            most={1}
            bars={Object.entries(prediction.scores)
              .sort(([, a], [, b]) => b - a)
              .slice(0, shownMax)
              .map(([label, value]) => ({ label, value, shown: percent(value) }))}
          />
        </>
      )}
      <Text size="xs" c="dimmed">
        Answered in {milliseconds(answer.tookMs)}
      </Text>
    </Stack>
  );
}

const charactersMax = 4000;

function isClass(prediction: Answer['prediction']): prediction is ClassPrediction {
  return typeof prediction === 'object' && 'label' in prediction && 'scores' in prediction;
}

function tensorText(prediction: Answer['prediction']): string {
  const text = JSON.stringify(prediction);
  return text.length <= charactersMax ? text : `${text.slice(0, charactersMax)}...`;
}
