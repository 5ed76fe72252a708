import { Button, Chip, Group, Skeleton, Stack, Text } from '@mantine/core';
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import {
  type ComparedShow,
  type ComparisonCounts,
  compareModelVersions,
  type ModelVersionView,
  type VersionComparison,
} from '@vanda/contracts';
import { useId, useState } from 'react';
import { call } from '../../lib/call.ts';
import { count, counted } from '../../lib/format.ts';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { DifferingPictures } from './differing-pictures.tsx';
import { DifferingRows } from './differing-rows.tsx';

const pageItems = 24;

/** Versions never change, so this is not asked for again because of what happens elsewhere. */
function differencesOf(a: ModelVersionView, b: ModelVersionView, show: ComparedShow) {
  const params = { name: a.model, version: a.version, other: b.version };
  return infiniteQueryOptions({
    queryKey: ['comparisons', a.id, b.id, show],
    staleTime: Number.POSITIVE_INFINITY,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ signal, pageParam: after }) =>
      call(compareModelVersions, { params, query: { show, limit: pageItems, after } }, { signal }),
    getNextPageParam: (page) => (page.has_more ? (page.last_id ?? undefined) : undefined),
    placeholderData: (before) => before,
  });
}

/** The pictures or rows of both test splits on which two versions do not say the same. */
export function DifferingItems({ a, b }: { a: ModelVersionView; b: ModelVersionView }) {
  const [show, setShow] = useState<ComparedShow>('all');
  // One name makes one group of them, which the arrow keys walk.
  const group = useId();
  const pages = useInfiniteQuery(differencesOf(a, b, show));
  const [first] = pages.data?.pages ?? [];
  if (pages.error) return <ProblemNote error={pages.error} retry={() => void pages.refetch()} />;
  if (first === undefined) return <Skeleton h={160} />;
  const names = { first: `v${a.version}`, second: `v${b.version}` };
  if (first.counts === null) {
    return (
      <Text size="sm" c="dimmed">
        {first.note}
      </Text>
    );
  }
  const items = pages.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <Stack gap="sm">
      <Text size="sm">{summary(first, first.counts)}</Text>
      {first.note && (
        <Text size="sm" c="dimmed">
          {first.note}
        </Text>
      )}
      <Chip.Group value={show} onChange={(value) => setShow(value as ComparedShow)}>
        <Group gap="xs" role="radiogroup" aria-label="Which differences to show">
          {choices(first.counts, names).map(([value, label, number]) => (
            <Chip
              key={value}
              name={group}
              value={value}
              size="sm"
              variant="outline"
              disabled={number === 0}
            >
              {label} · {count(number)}
            </Chip>
          ))}
        </Group>
      </Chip.Group>
      <div aria-live="polite" aria-busy={pages.isFetching}>
        {items.length === 0 ? (
          <Text size="sm" c="dimmed">
            They say the same about every one of them.
          </Text>
        ) : items.some((item) => item.picture !== null) ? (
          <DifferingPictures items={items} names={names} />
        ) : (
          <DifferingRows items={items} columns={first.columns ?? []} names={names} />
        )}
      </div>
      {pages.hasNextPage && (
        <Button
          variant="default"
          size="xs"
          loading={pages.isFetchingNextPage}
          onClick={() => void pages.fetchNextPage()}
          style={{ alignSelf: 'flex-start' }}
        >
          Show more
        </Button>
      )}
    </Stack>
  );
}

function choices(
  counts: ComparisonCounts,
  { first, second }: { first: string; second: string },
): [ComparedShow, string, number][] {
  if (counts.kind === 'numbers') {
    const { firstCloser, secondCloser } = counts;
    return [
      ['all', 'All', firstCloser + secondCloser],
      ['first', `${first} closer`, firstCloser],
      ['second', `${second} closer`, secondCloser],
    ];
  }
  const { onlyFirst, onlySecond, bothWrongDifferently } = counts;
  return [
    ['all', 'All', onlyFirst + onlySecond + bothWrongDifferently],
    ['first', `Only ${first} right`, onlyFirst],
    ['second', `Only ${second} right`, onlySecond],
    ['neither', 'Both wrong, differently', bothWrongDifferently],
  ];
}

function summary({ shared, matchedBy }: VersionComparison, counts: ComparisonCounts): string {
  const what = `${counted(shared, 'item is', 'items are')} in both test splits`;
  const how = matchedBy === 'content' ? ', told by what they hold' : '';
  if (counts.kind === 'numbers') {
    return counts.alike === 0
      ? `${what}${how}.`
      : `${what}${how}; both are equally close on ${count(counts.alike)}.`;
  }
  const alike = counts.bothWrong - counts.bothWrongDifferently;
  return `${what}${how}: both are right on ${count(counts.bothRight)}, and wrong in the same way on ${count(alike)}.`;
}
