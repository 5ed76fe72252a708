import { Skeleton, Stack } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { Link, type LinkProps } from '@tanstack/react-router';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import classes from './list-table.module.css';

export interface ListColumn<R> {
  label: string;
  /** A CSS grid track, like `2fr` or `90px`. */
  width: string;
  cell: (row: R) => ReactNode;
  /** Hidden on narrow screens. */
  wide?: boolean;
  end?: boolean;
}

interface Props<R> {
  label: string;
  rows: R[];
  columns: ListColumn<R>[];
  keyOf: (row: R) => string;
  linkOf: (row: R) => LinkProps;
  /** Called when the end of the rows comes into view. */
  onEnd?: () => void;
}

const rowHeightPx = 46;

/** A list whose rows are links; only the rows in view are in the page, so that 10,000 of them scroll smoothly. */
export function ListTable<R>({ label, rows, columns, keyOf, linkOf, onEnd }: Props<R>) {
  const body = useRef<HTMLDivElement>(null);
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    const top = body.current?.getBoundingClientRect().top ?? 0;
    setOffset(top + window.scrollY);
  }, []);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => rowHeightPx,
    overscan: 12,
    scrollMargin: offset,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= rows.length - 5) onEnd?.();
  }, [last, rows.length, onEnd]);
  const narrow = useMediaQuery('(max-width: 800px)', window.innerWidth <= 800) ?? false;
  const tracks = columns
    .filter((column) => !(narrow && column.wide))
    .map((column) => column.width)
    .join(' ');
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table element cannot have absolutely placed, linked rows.
    <div role="table" aria-label={label} aria-rowcount={rows.length + 1} className={classes.table}>
      {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: a header row is not interactive. */}
      <div
        role="row"
        className={`${classes.row} ${classes.head}`}
        style={{ gridTemplateColumns: tracks }}
      >
        {columns.map((column) => (
          // biome-ignore lint/a11y/useSemanticElements: as above.
          // biome-ignore lint/a11y/useFocusableInteractive: a heading is not interactive.
          <div
            role="columnheader"
            key={column.label}
            className={classes.cell}
            data-wide={column.wide || undefined}
            data-end={column.end || undefined}
          >
            {column.label}
          </div>
        ))}
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: as above. */}
      <div
        role="rowgroup"
        ref={body}
        className={classes.body}
        style={{ height: virtual.getTotalSize() }}
      >
        {items.map((item) => {
          const row = rows[item.index];
          if (row === undefined) return null;
          return (
            <Link
              key={keyOf(row)}
              {...linkOf(row)}
              role="row"
              aria-rowindex={item.index + 2}
              className={`${classes.row} ${classes.link}`}
              style={{
                gridTemplateColumns: tracks,
                height: rowHeightPx,
                transform: `translateY(${item.start - offset}px)`,
              }}
            >
              {columns.map((column) => (
                // biome-ignore lint/a11y/useSemanticElements: as above.
                <div
                  role="cell"
                  key={column.label}
                  className={classes.cell}
                  data-wide={column.wide || undefined}
                  data-end={column.end || undefined}
                >
                  {column.cell(row)}
                </div>
              ))}
            </Link>
          );
        })}
      </div>
    </div>
  );
}

export function ListSkeleton() {
  return (
    <Stack gap={8} aria-busy="true" aria-label="Loading">
      {[1, 2, 3, 4, 5, 6].map((row) => (
        <Skeleton key={row} h={38} />
      ))}
    </Stack>
  );
}
