import type { Layout } from './layered.ts';
import { layered } from './layered.ts';
import type { Picture, PictureBox } from './picture.ts';

const LETTER = 7.3;
const LINE = 17;
const MARGIN = 16;
const GAP = 34;

/** Colours that can be read on light and on dark paper alike, with nothing behind them. */
const STYLE = `
  text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #24292f; text-anchor: middle; }
  .name { font-weight: 600; }
  .line { fill: #57606a; }
  rect { fill: #8c959f1f; stroke: #8c959f; }
  .input { fill: #2da44e26; stroke: #2da44e; }
  .model { fill: #218bff26; stroke: #218bff; }
  path { fill: none; stroke: #8c959f; stroke-width: 1.4; }
  marker path { fill: #8c959f; stroke: none; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .line { fill: #9198a1; } }
`;

export function svgText(title: string, picture: Picture): string {
  const widths = picture.boxes.map(
    ({ name, lines }) => Math.max(name.length, ...lines.map((line) => line.length)) * LETTER + 24,
  );
  const height = Math.max(...picture.boxes.map(({ lines }) => (lines.length + 1) * LINE + 12));
  const layout = layered(picture, widths);
  const top = (row: number) => MARGIN + row * (height + GAP);
  const width = Math.ceil(layout.width + 2 * MARGIN);
  const whole = Math.ceil(top(layout.rowCount - 1) + height + MARGIN);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${whole}" viewBox="0 0 ${width} ${whole}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8Z"/></marker></defs>',
    ...layout.links.map((link) => linkPath(link, top, height)),
    ...picture.boxes.map((box, i) => {
      const { row, x } = layout.boxes[i] as Layout['boxes'][number];
      return boxText(box, MARGIN + x, top(row), widths[i] as number, height);
    }),
    '</svg>',
    '',
  ].join('\n');
}

function boxText(
  { name, lines, look }: PictureBox,
  x: number,
  y: number,
  width: number,
  height: number,
): string {
  const rounded = look === 'input' ? height / 2 : 6;
  const first = y + height / 2 - (lines.length * LINE) / 2 + 4;
  const text = [name, ...lines].map(
    (line, i) =>
      `<text class="${i === 0 ? 'name' : 'line'}" x="${short(x)}" y="${short(first + i * LINE)}">${escaped(line)}</text>`,
  );
  const box = `<rect class="${look}" x="${short(x - width / 2)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" rx="${rounded}"/>`;
  return `<g>${box}${text.join('')}</g>`;
}

/** Down from box to box; past the rows in between straight, between rows in a bow. */
function linkPath(
  { row, xs }: Layout['links'][number],
  top: (row: number) => number,
  height: number,
): string {
  const parts = xs.slice(1).map((x, i) => {
    const before = MARGIN + (xs[i] as number);
    const [from, to] = [top(row + i) + height, top(row + i + 1)];
    const middle = (from + to) / 2;
    const last = i === xs.length - 2;
    const bow = `C${short(before)} ${middle} ${short(MARGIN + x)} ${middle} ${short(MARGIN + x)} ${last ? to - 1 : to}`;
    return last ? bow : `${bow}V${to + height}`;
  });
  const start = `M${short(MARGIN + (xs[0] as number))} ${top(row) + height}`;
  return `<path d="${start}${parts.join('')}" marker-end="url(#head)"/>`;
}

function short(value: number): string {
  return String(Math.round(value * 10) / 10);
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return (
    text
      .replace(/[&<>"]/g, (char) => entities[char] as string)
      // Control characters are not allowed in XML, not even as entities.
      .replace(/\p{Cc}/gu, ' ')
  );
}
