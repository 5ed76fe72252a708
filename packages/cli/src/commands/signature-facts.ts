import type { ModelSignature, TensorField } from '@vanda/contracts';
import type { Cell } from '../output/text.ts';

const shownMax = 8;

/** What a version takes and answers, in two lines. */
export function signatureFacts({ input, output }: ModelSignature): [string, Cell][] {
  return [
    ['takes', inputText(input)],
    ['answers', outputText(output)],
  ];
}

function inputText(input: ModelSignature['input']): string {
  switch (input.kind) {
    case 'picture':
      return `pictures, ${input.size} x ${input.size} x ${input.channels}`;
    case 'row':
      return `rows of ${list(input.fields.map(({ name }) => name))}`;
    case 'tensors':
      return list(input.tensors.map(tensorText));
  }
}

function outputText(output: ModelSignature['output']): string {
  switch (output.kind) {
    case 'classes':
      return `one of ${list(output.labels)}`;
    case 'number':
      return output.target;
    case 'tensors':
      return list(output.tensors.map(tensorText));
  }
}

/** As one instance has it: without the batch. */
function tensorText({ name, dtype, shape }: TensorField): string {
  return `${name} (${shape.length === 0 ? 'a number' : shape.join(' x ')}, ${dtype})`;
}

function list(words: readonly string[]): string {
  const more = words.length - shownMax;
  return words.slice(0, shownMax).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
