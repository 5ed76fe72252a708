import type { ModelSignature } from '@vanda/contracts';
import { zeros } from './zeros.ts';

export type Language = 'curl' | 'TypeScript' | 'Python';

/** Lines that work when pasted, with the key filled in. */
export function snippet(
  language: Language,
  url: string,
  key: string,
  input: ModelSignature['input'],
): string {
  return input.kind === 'picture'
    ? pictureSnippet(language, url, key)
    : rowSnippet(
        language,
        url,
        key,
        input.kind === 'row'
          ? Object.fromEntries(input.fields.map((field) => [field.name, field.example]))
          : zeros(input.tensors),
      );
}

function rowSnippet(language: Language, url: string, key: string, row: object): string {
  const body = JSON.stringify({ instances: [row] });
  switch (language) {
    case 'curl':
      return `curl ${url} \\
  -H 'Authorization: Bearer ${key}' \\
  -H 'Content-Type: application/json' \\
  -d '${body.replaceAll("'", "'\\''")}'`;
    case 'TypeScript':
      return `const response = await fetch('${url}', {
  method: 'POST',
  headers: {
    Authorization: 'Bearer ${key}',
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({
    instances: [${JSON.stringify(row, null, 2).replaceAll('\n', '\n    ')}],
  }),
});
const { predictions } = await response.json();
console.log(predictions[0]);`;
    case 'Python':
      return `import json
import urllib.request

row = json.loads(${JSON.stringify(JSON.stringify(row))})
request = urllib.request.Request(
    "${url}",
    data=json.dumps({"instances": [row]}).encode(),
    headers={
        "Authorization": "Bearer ${key}",
        "Content-Type": "application/json",
    },
)
with urllib.request.urlopen(request) as response:
    print(json.load(response)["predictions"][0])`;
  }
}

function pictureSnippet(language: Language, url: string, key: string): string {
  switch (language) {
    case 'curl':
      return `echo "{\\"instances\\": [{\\"b64\\": \\"$(base64 -w0 picture.png)\\"}]}" |
  curl ${url} \\
    -H 'Authorization: Bearer ${key}' \\
    -H 'Content-Type: application/json' \\
    -d @-`;
    case 'TypeScript':
      return `import { readFile } from 'node:fs/promises';

const b64 = (await readFile('picture.png')).toString('base64');
const response = await fetch('${url}', {
  method: 'POST',
  headers: {
    Authorization: 'Bearer ${key}',
    'Content-Type': 'application/json',
  },
  body: JSON.stringify({ instances: [{ b64 }] }),
});
const { predictions } = await response.json();
console.log(predictions[0]);`;
    case 'Python':
      return `import base64
import json
import urllib.request

with open("picture.png", "rb") as picture:
    b64 = base64.b64encode(picture.read()).decode()
request = urllib.request.Request(
    "${url}",
    data=json.dumps({"instances": [{"b64": b64}]}).encode(),
    headers={
        "Authorization": "Bearer ${key}",
        "Content-Type": "application/json",
    },
)
with urllib.request.urlopen(request) as response:
    print(json.load(response)["predictions"][0])`;
  }
}
