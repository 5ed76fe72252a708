import type { Picture, PictureBox } from './picture.ts';

const looks: Record<PictureBox['look'], string> = {
  input: 'style=rounded',
  layer: 'style=solid',
  model: 'peripheries=2',
};

/** The language of Graphviz: `dot -Tsvg`. */
export function dotText(title: string, { boxes, links }: Picture): string {
  return [
    `digraph "${escaped(title)}" {`,
    '  node [shape=box fontname="monospace" fontsize=11];',
    ...boxes.map(({ name, lines, look }, i) => {
      const label = [name, ...lines].map(escaped).join('\\n');
      return `  n${i} [label="${label}" ${looks[look]}];`;
    }),
    ...links.map(([from, to]) => `  n${from} -> n${to};`),
    '}',
    '',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replace(/\s+/g, ' ');
}
