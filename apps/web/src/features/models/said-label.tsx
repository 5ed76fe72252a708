import { Group, Text } from '@mantine/core';
import { IconCheck, IconX } from '@tabler/icons-react';
import type { ComparedItem } from '@vanda/contracts';
import { figure, percent } from '../../lib/format.ts';

/** What one version said, with a sign beside the colour for whether it was right. */
export function SaidLabel({
  answer,
  truth,
}: {
  answer: ComparedItem['first'];
  truth: ComparedItem['truth'];
}) {
  if (typeof answer.said === 'number' && typeof truth === 'number') {
    const off = answer.said - truth;
    return (
      <Text span size="xs">
        {figure(answer.said)}{' '}
        <Text span size="xs" c="dimmed">
          {off < 0 ? '−' : '+'}
          {figure(Math.abs(off))}
        </Text>
      </Text>
    );
  }
  const right = answer.said === truth;
  const Sign = right ? IconCheck : IconX;
  return (
    <Group gap={4} wrap="nowrap" miw={0} component="span">
      <Sign
        size={14}
        role="img"
        aria-label={right ? 'right' : 'wrong'}
        color={`var(${right ? '--vanda-good' : '--vanda-bad'})`}
        style={{ flexShrink: 0 }}
      />
      <Text span size="xs" truncate title={String(answer.said)}>
        {answer.said}
      </Text>
      {answer.score !== null && (
        <Text span size="xs" c="dimmed" style={{ flexShrink: 0 }}>
          {percent(answer.score)}
        </Text>
      )}
    </Group>
  );
}
