import { Box } from '@mantine/core';
import { count, figure } from '../lib/format.ts';

/** A column's distribution in the height of two lines. */
export function SmallHistogram({ edges, counts }: { edges: number[]; counts: number[] }) {
  const most = Math.max(1, ...counts);
  const width = 100 / Math.max(1, counts.length);
  const label = `Histogram from ${figure(edges[0])} to ${figure(edges.at(-1))}; the fullest bin has ${count(most)} values`;
  return (
    <Box
      component="svg"
      viewBox="0 0 100 32"
      preserveAspectRatio="none"
      w="100%"
      h={40}
      role="img"
      aria-label={label}
      display="block"
    >
      <title>{label}</title>
      {counts.map((value, index) => {
        const height = value === 0 ? 0 : Math.max(1, (value / most) * 32);
        return (
          <rect
            key={edges[index]}
            x={index * width}
            y={32 - height}
            width={width * 0.86}
            height={height}
            fill="var(--vanda-bar)"
          >
            <title>{`${figure(edges[index])} to ${figure(edges[index + 1])}: ${count(value)}`}</title>
          </rect>
        );
      })}
    </Box>
  );
}
