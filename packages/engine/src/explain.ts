import type { PlanReport } from './native.ts';

/**
 * A plan as a table for people: its kernels in their order, what each writes and in which layout, the bytes that it
 * moves, and its mean time where the plan ran while the session was profiled; then where the memory goes.
 */
export function explainPlan(report: PlanReport): string {
  const timed = report.schedule.some((step) => step.meanUs !== undefined);
  const total = report.schedule.reduce((sum, step) => sum + (step.meanUs ?? 0), 0);
  const rows = report.schedule.map((step, i) => [
    String(i + 1),
    step.label,
    step.result,
    bytes(step.bytesRead),
    bytes(step.bytesWritten),
    ...(timed ? [microseconds(step.meanUs), share(step.meanUs, total)] : []),
  ]);
  const head = ['', 'kernel', 'result', 'reads', 'writes', ...(timed ? ['time', 'share'] : [])];
  const { memory } = report;
  const parts = [
    `arena ${bytes(memory.arena)} (at least ${bytes(memory.arenaLowerBound)})`,
    `weights ${bytes(memory.weights)}`,
    `state ${bytes(memory.state)}`,
    `packed ${bytes(memory.packed)}`,
    `constants ${bytes(memory.constants)}`,
    `feeds ${bytes(memory.feeds)}`,
  ];
  const lines = [
    ...table([head, ...rows]),
    '',
    `memory ${bytes(memory.total)}: ${parts.join(', ')}`,
  ];
  if (timed) lines.push(`time ${microseconds(total)} a run`);
  return `${lines.join('\n')}\n`;
}

function table(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  // The kernel's name and its result read from the left, numbers from the right.
  const cell = (text: string, column: number): string =>
    column === 1 || column === 2
      ? text.padEnd(widths[column] ?? 0)
      : text.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(cell).join('  ').trimEnd());
}

function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1024 / 1024).toFixed(1)} MiB`;
}

function microseconds(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(1)} us`;
}

function share(value: number | undefined, total: number): string {
  return value === undefined || total === 0 ? '-' : `${((100 * value) / total).toFixed(1)} %`;
}
