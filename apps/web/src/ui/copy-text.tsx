import { ActionIcon, Group, Text, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useState } from 'react';

interface Props {
  value: string;
  /** What it is, for the button's label: "job id". */
  what: string;
  /** Shown in place of the whole value. */
  shown?: string;
}

/** A short monospaced text with a button that copies the whole of it. */
export function CopyText({ value, what, shown = value }: Props) {
  return (
    <Group gap={2} wrap="nowrap" miw={0} display="inline-flex" maw="100%">
      <Text component="span" className="mono" size="xs" style={{ overflowWrap: 'anywhere' }}>
        {shown}
      </Text>
      <CopyButton value={value} what={what} />
    </Group>
  );
}

export function CopyButton({ value, what }: { value: string; what: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await copyToClipboard(value);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  const label = copied ? 'Copied' : `Copy ${what}`;
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color={copied ? 'teal' : 'gray'}
        size="sm"
        aria-label={label}
        onClick={() => void copy()}
      >
        {copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
      </ActionIcon>
    </Tooltip>
  );
}

/** The clipboard of an insecure origin (http on a local network) is reached through a selection. */
async function copyToClipboard(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
