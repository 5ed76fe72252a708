import { Box, Text } from '@mantine/core';
import type { JobLog as Line } from '@vanda/contracts';
import { useEffect, useRef } from 'react';
import { timeExact } from '../../lib/format.ts';

const shownMax = 1000;

/** The log, which stays at its end while it grows unless somebody scrolled up. */
export function JobLog({ lines }: { lines: Line[] }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines move the end.
  useEffect(() => {
    if (atEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  if (lines.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        No lines yet.
      </Text>
    );
  }
  const several = lines.some((line) => line.attempt !== lines[0]?.attempt);
  return (
    <Box
      ref={box}
      role="log"
      aria-label="Log"
      tabIndex={0}
      className="mono"
      fz={12}
      lh={1.6}
      mah={320}
      style={{ overflow: 'auto' }}
      onScroll={(event) => {
        const { scrollTop, clientHeight, scrollHeight } = event.currentTarget;
        atEnd.current = scrollTop + clientHeight > scrollHeight - 24;
      }}
    >
      {lines.slice(-shownMax).map((line) => (
        <div key={`${line.attempt}-${line.seq}-${line.at}-${line.text}`} title={timeExact(line.at)}>
          <Text span fz={12} c="dimmed">
            {clock(line.at)}
            {several && ` #${line.attempt}`}{' '}
          </Text>
          <Text
            span
            fz={12}
            c={
              line.level === 'error'
                ? 'var(--vanda-bad)'
                : line.level === 'warn'
                  ? 'var(--vanda-warn)'
                  : undefined
            }
            style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}
          >
            {line.text}
          </Text>
        </div>
      ))}
    </Box>
  );
}

function clock(at: string): string {
  return new Date(at).toLocaleTimeString('en-GB');
}
