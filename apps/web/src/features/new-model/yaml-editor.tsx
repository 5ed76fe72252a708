import { Stack, Text } from '@mantine/core';
import { type KeyboardEvent, useId } from 'react';
import type { LineError } from './draft-text.ts';
import classes from './yaml-editor.module.css';

interface Props {
  text: string;
  errors: LineError[];
  onChange: (text: string) => void;
}

/** The spec as text, the same thing as the form; what is wrong is marked at its line and said below. */
export function YamlEditor({ text, errors, onChange }: Props) {
  const id = useId();
  const lines = text.split('\n');
  const wrong = new Set(errors.map((error) => error.line));
  return (
    <Stack gap="xs">
      <Text component="label" htmlFor={id} size="sm" fw={500}>
        The same as YAML
      </Text>
      <div className={classes.editor}>
        <div className={classes.gutter} aria-hidden>
          {lines.map((_, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line number is its place.
            <div key={index} data-wrong={wrong.has(index + 1) || undefined}>
              {wrong.has(index + 1) ? `● ${index + 1}` : index + 1}
            </div>
          ))}
        </div>
        <textarea
          id={id}
          className={classes.text}
          value={text}
          rows={Math.max(8, lines.length)}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          aria-invalid={errors.length > 0}
          aria-describedby={errors.length > 0 ? `${id}-errors` : undefined}
          onChange={(event) => onChange(event.currentTarget.value)}
          onKeyDown={(event) => indent(event, onChange)}
        />
      </div>
      {errors.length > 0 && (
        <ul id={`${id}-errors`} style={{ margin: 0, paddingLeft: 18 }} aria-live="polite">
          {errors.map((error) => (
            <Text key={error.pointer + error.message} component="li" size="sm" c="var(--vanda-bad)">
              {error.line !== null && `Line ${error.line}: `}
              {error.pointer.length > 1 && <code>{error.pointer}</code>} {error.message}
            </Text>
          ))}
        </ul>
      )}
    </Stack>
  );
}

/** Enter keeps the indentation of the line. Tab moves on, as everywhere on the page. */
function indent(event: KeyboardEvent<HTMLTextAreaElement>, onChange: (text: string) => void): void {
  if (event.key !== 'Enter') return;
  const area = event.currentTarget;
  const before = area.value.slice(0, area.selectionStart);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const spaces = (/^ */.exec(line)?.[0] ?? '') + (line.trimEnd().endsWith(':') ? '  ' : '');
  if (spaces === '') return;
  event.preventDefault();
  area.setRangeText(`\n${spaces}`, area.selectionStart, area.selectionEnd, 'end');
  onChange(area.value);
}
