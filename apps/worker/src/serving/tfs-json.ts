const nanMark = '\u0000NaN';

/**
 * JSON as TensorFlow Serving reads it: `NaN`, `Infinity` and `-Infinity` are numbers too.
 *
 * @throws SyntaxError as JSON.parse does.
 */
export function parseTfsJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const plain = replaceBareTokens(text);
    if (plain === null) throw error;
    return JSON.parse(plain, (_, value) => (value === nanMark ? Number.NaN : value));
  }
}

/** Rewrites the bare tokens into legal JSON (an overflowing number is Infinity); null where there are none. */
function replaceBareTokens(text: string): string | null {
  const token = /"|NaN|-?Infinity/g;
  let result = '';
  let kept = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    if (match[0] === '"') {
      const end = endOfString(text, match.index + 1);
      if (end === -1) return null;
      token.lastIndex = end + 1;
      continue;
    }
    const number = match[0] === 'NaN' ? JSON.stringify(nanMark) : sign(match[0]);
    result += text.slice(kept, match.index) + number;
    kept = token.lastIndex;
  }
  return kept === 0 ? null : result + text.slice(kept);
}

function sign(token: string): string {
  return token.startsWith('-') ? '-1e999' : '1e999';
}

function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text[at - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return at;
  }
  return -1;
}

/** JSON.stringify would write null for the numbers that JSON does not have; this dialect writes their tokens. */
export function stringifyTfsJson(value: unknown): string {
  let strange = false;
  const text = JSON.stringify(value, (_, part) => {
    if (typeof part !== 'number' || Number.isFinite(part)) return part;
    strange = true;
    return `\u0000${part}`;
  });
  return strange ? text.replace(/"\\u0000(NaN|-?Infinity)"/g, '$1') : text;
}
