import { Alert, Anchor, List, Stack, Text } from '@mantine/core';
import type { Receipt } from '@vanda/contracts';
import { count, counted } from '../../lib/format.ts';

/** How many items were taken, and why the others were not. */
export function ReceiptNote({
  receipt,
  rejectedUrl,
}: {
  receipt: Receipt;
  rejectedUrl: string | null;
}) {
  return (
    <Stack gap="xs">
      <Text size="sm">
        {counted(receipt.accepted, 'item')} accepted, {count(receipt.rejected)} rejected.
      </Text>
      {receipt.reasons.map((reason) => (
        <div key={reason.reason}>
          <Text size="sm">
            <b>{count(reason.count)}</b> {reason.reason}
          </Text>
          <List size="xs" c="dimmed" listStyleType="none">
            {reason.examples.slice(0, 5).map((example) => (
              <List.Item key={example} className="mono" style={{ overflowWrap: 'anywhere' }}>
                {example}
              </List.Item>
            ))}
          </List>
        </div>
      ))}
      {rejectedUrl && (
        <Anchor href={rejectedUrl} size="sm">
          Download all rejected items with their reasons
        </Anchor>
      )}
      {receipt.warnings.map((warning) => (
        <Alert key={warning} color="yellow" variant="light" p="xs">
          <Text size="sm">{warning}</Text>
        </Alert>
      ))}
    </Stack>
  );
}
