import { Box } from '@mantine/core';
import { CopyButton } from './copy-text.tsx';

/** Text to read and copy; it scrolls by itself, so it can be focused with the keyboard. */
export function CodeBlock({ text, what }: { text: string; what: string }) {
  return (
    <Box pos="relative">
      <Box pos="absolute" top={6} right={6} bg="var(--vanda-soft)" style={{ zIndex: 1 }}>
        <CopyButton value={text} what={what} />
      </Box>
      <Box
        component="pre"
        tabIndex={0}
        aria-label={what}
        m={0}
        p="sm"
        pr={44}
        fz={12.5}
        lh={1.55}
        bg="var(--vanda-soft)"
        style={{
          border: '1px solid var(--vanda-line)',
          borderRadius: 'var(--mantine-radius-md)',
          overflow: 'auto',
          maxHeight: 460,
        }}
      >
        {text}
      </Box>
    </Box>
  );
}
