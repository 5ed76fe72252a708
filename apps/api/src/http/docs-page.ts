type Json = Record<string, unknown>;

/** A readable page of the OpenAPI description: plain HTML and CSS, nothing from elsewhere, no script. */
export function docsPage(document: Json): string {
  const paths = document.paths as Record<string, Record<string, Json>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = Map.groupBy(operations, ({ operation }) => (operation.tags as string[])[0] ?? '');
  const schemas = (document.components as Json).schemas as Record<string, Json>;
  const menu = [...tags.keys(), 'schemas'].map(
    (tag) => `<a href="#${escapeHtml(tag)}">${escapeHtml(tag)}</a>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="/favicon.svg"><title>Vanda API</title><style>${css}</style></head><body>
<header><h1>Vanda API</h1><p>Send <code>Authorization: Bearer vnd_…</code>. Errors are problem
details (RFC 9457). The machine-readable description: <a href="/api/openapi.json">openapi.json</a>.</p>
<nav aria-label="Nouns">${menu.join(' ')}</nav></header><main>
${[...tags].map(([tag, entries]) => section(tag, entries.map(operationHtml).join(''))).join('\n')}
${section('schemas', Object.entries(schemas).map(schemaHtml).join(''))}
</main></body></html>`;
}

function section(name: string, content: string): string {
  return `<section id="${escapeHtml(name)}"><h2>${escapeHtml(name)}</h2>${content}</section>`;
}

function operationHtml(entry: { path: string; method: string; operation: Json }): string {
  const { path, method, operation } = entry;
  const parameters = (operation.parameters ?? []) as { name: string; in: string; schema: Json }[];
  const rows = parameters.map(
    (parameter) =>
      `<tr><td><code>${escapeHtml(parameter.name)}</code></td><td>${parameter.in}</td><td>${typeText(parameter.schema)}</td></tr>`,
  );
  const body = schemaIn(operation.requestBody as Json | undefined);
  const responses = operation.responses as Record<string, Json>;
  const answers = Object.entries(responses)
    .filter(([status]) => status !== 'default')
    .map(([status, answer]) => {
      const schema = schemaIn(answer);
      return `<p><b>${status}</b> ${escapeHtml(String(answer.description))}</p>${schema ? code(schema) : ''}`;
    });
  return `<details id="${escapeHtml(String(operation.operationId))}"><summary><b class="${method}">${method.toUpperCase()}</b>
<code>${escapeHtml(path)}</code> <span>${escapeHtml(String(operation.summary))}</span></summary>
${rows.length > 0 ? `<table><tr><th>Parameter</th><th>In</th><th>Type</th></tr>${rows.join('')}</table>` : ''}
${body ? `<h4>Body</h4>${code(body)}` : ''}<h4>Answer</h4>${answers.join('')}</details>`;
}

function schemaHtml([name, schema]: [string, Json]): string {
  return `<details id="schema-${escapeHtml(name)}"><summary><code>${escapeHtml(name)}</code></summary>${code(schema)}</details>`;
}

function schemaIn(holder: Json | undefined): Json | undefined {
  const content = holder?.content as Record<string, { schema: Json }> | undefined;
  return content?.['application/json']?.schema;
}

function typeText(schema: Json): string {
  const facts = ['type', 'format', 'enum', 'minimum', 'maximum', 'default', 'description']
    .filter((key) => schema[key] !== undefined)
    .map((key) => (key === 'type' ? schema[key] : `${key} ${JSON.stringify(schema[key])}`));
  return facts.length > 0 ? escapeHtml(facts.join(', ')) : code(schema);
}

/** Names of schemas link to where they are described. */
function code(schema: Json): string {
  const text = escapeHtml(JSON.stringify(schema, null, 2));
  const linked = text.replaceAll(
    /&quot;#\/components\/schemas\/(\w+)&quot;/g,
    '<a href="#schema-$1">$1</a>',
  );
  return `<pre>${linked}</pre>`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const css = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
nav{display:flex;flex-wrap:wrap;gap:.75rem}details{border:1px solid #8885;border-radius:6px;margin:.4rem 0;padding:.4rem .7rem}
summary{cursor:pointer}summary b{display:inline-block;min-width:4.2em}.get{color:#1a7f5a}.post{color:#2563c9}.delete{color:#c0392b}
@media(prefers-color-scheme:dark){.get{color:#5fd3a4}.post{color:#7fb0ff}.delete{color:#ff8f80}}
pre{overflow:auto;background:#8881;padding:.7rem;border-radius:6px;font-size:.8rem}table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0}`;
