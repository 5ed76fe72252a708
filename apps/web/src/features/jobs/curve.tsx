import 'uplot/dist/uPlot.min.css';
import { useComputedColorScheme, useMantineTheme } from '@mantine/core';
import { useEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import { figure } from '../../lib/format.ts';
import classes from './curve.module.css';
import { type CurveSeries, describeCurve } from './curve-series.ts';

interface Props {
  title: string;
  series: CurveSeries[];
  /** The step at which the kept weights were made. */
  bestStep?: number | null;
  height?: number;
}

/** One chart of one metric: every split together, values on hover, the best epoch marked. */
export default function Curve({ title, series, bestStep, height = 220 }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const best = useRef(bestStep);
  best.current = bestStep;
  const scheme = useComputedColorScheme('light');
  const theme = useMantineTheme();
  const data = useMemo(() => joined(series), [series]);
  const latest = useRef(data);
  latest.current = data;
  const shape = series.map((one) => `${one.label}|${one.colour}|${one.dashed}`).join(';');

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours of the page change with the scheme.
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const style = getComputedStyle(document.documentElement);
    const variable = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: variable('--mantine-color-dimmed'),
      grid: { stroke: variable('--vanda-line'), width: 1 },
      ticks: { stroke: variable('--vanda-line'), width: 1 },
      font: `11px ${theme.fontFamily}`,
    };
    const lines = shape.split(';').map((one): uPlot.Series => {
      const [label = '', colour = '', dashed] = one.split('|');
      return {
        label,
        stroke: variable(colour),
        width: 2,
        dash: dashed === 'true' ? [6, 4] : undefined,
        spanGaps: true,
        points: { show: (plot, index) => numbersOf(plot, index) < 30, size: 5 },
        value: (_, value) => figure(value),
      };
    });
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height,
        scales: { x: { time: false } },
        series: [
          { label: 'step', value: (_, value) => (value == null ? '–' : String(value)) },
          ...lines,
        ],
        axes: [
          { ...axis, size: 30, values: (_, ticks) => ticks.map((tick) => String(tick)) },
          { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => figure(tick)) },
        ],
        cursor: { drag: { x: true, y: false }, focus: { prox: 24 } },
        legend: { live: true },
        hooks: {
          draw: [(drawn) => markBest(drawn, best.current, variable('--vanda-accent-text'))],
        },
      },
      latest.current,
      element,
    );
    chart.current = plot;
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
      chart.current = null;
    };
  }, [shape, height, theme.fontFamily, scheme]);

  useEffect(() => {
    chart.current?.setData(data);
  }, [data]);

  useEffect(() => {
    // Without rebuilding the paths: that would set the x scale from itself, which before the first drawing is empty.
    if (bestStep !== undefined) chart.current?.redraw(false);
  }, [bestStep]);

  return (
    <figure className={classes.figure} aria-label={describeCurve(title, series)}>
      <figcaption className={classes.caption}>
        {title}
        {series.map((one) => (
          <span key={one.label} style={{ color: `var(${one.colour})` }}>
            {one.label} {figure(one.values.findLast((value) => value !== null))}
          </span>
        ))}
      </figcaption>
      <div ref={box} className={classes.plot} aria-hidden />
    </figure>
  );
}

function joined(series: CurveSeries[]): uPlot.AlignedData {
  if (series.length === 0) return [[]];
  if (series.length === 1 && series[0]) return [series[0].steps, series[0].values];
  return uPlot.join(series.map((one): uPlot.AlignedData => [one.steps, one.values]));
}

/** How many points of a series are there; few are drawn as dots too. */
function numbersOf(plot: uPlot, index: number): number {
  return Array.from(plot.data[index] ?? []).filter((value) => value != null).length;
}

function markBest(plot: uPlot, step: number | null | undefined, colour: string): void {
  if (step === null || step === undefined) return;
  const x = Math.round(plot.valToPos(step, 'x', true));
  const { ctx, bbox } = plot;
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.fillStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.font = `${11 * devicePixelRatio}px sans-serif`;
  const atRight = x > bbox.left + bbox.width * 0.85;
  ctx.textAlign = atRight ? 'right' : 'left';
  ctx.fillText('best', x + (atRight ? -4 : 4) * devicePixelRatio, bbox.top + 12 * devicePixelRatio);
  ctx.restore();
}
