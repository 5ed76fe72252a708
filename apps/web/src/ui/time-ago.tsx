import { Tooltip } from '@mantine/core';
import { useEffect, useState } from 'react';
import { timeAgo, timeExact } from '../lib/format.ts';

/** A relative time that stays true, with the exact one on hover and focus. */
export function TimeAgo({ at }: { at: string }) {
  const [now, setNow] = useState(Date.now);
  const young = now - new Date(at).getTime() < 3600_000;
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), young ? 10_000 : 60_000);
    return () => clearInterval(timer);
  }, [young]);
  return (
    <Tooltip label={timeExact(at)} events={{ hover: true, focus: true, touch: true }}>
      <time dateTime={at}>{timeAgo(at, now)}</time>
    </Tooltip>
  );
}
