import { expect, test } from 'vitest';
import { models, nn } from '../index.ts';

const { call, input, model, sequential } = models;

/** A residual block, and a model that is used twice. */
function matcher() {
  const image = input({ shape: [8, 8, 3], dtype: 'u8', name: 'image' });
  const wide = call(nn.conv2d(4, 3, { padding: 'same' }), call(nn.rescale(1 / 255), image));
  const sum = call(nn.add(), [wide, call(nn.batchNorm(), wide)]);
  const tower = sequential([nn.dense(4), nn.dense(2, { useBias: false })], { name: '<a & "b">' });
  const other = input({ shape: [4], name: 'other' });
  const codes = [call(tower, call(nn.globalAvgPool(), sum)), call(tower, other)];
  const outputs = call(nn.dot(), codes);
  return model({ inputs: [image, other], outputs, name: 'matcher', threads: 1 });
}

test('a summary of a sequential model', () => {
  const net = sequential(
    [input({ shape: [28, 28, 1] }), nn.conv2d(32, 3), nn.maxPool(2), nn.flatten(), nn.dense(10)],
    { name: 'digits' },
  );
  expect(net.summary()).toBe(
    `Model: "digits"
┌────────────────────┬─────────────────────┬─────────┐
│ Layer (kind)       │ Output Shape        │ Param # │
├────────────────────┼─────────────────────┼─────────┤
│ input (input)      │ [batch, 28, 28, 1]  │       0 │
│ conv2d (conv2d)    │ [batch, 26, 26, 32] │     320 │
│ max_pool (maxPool) │ [batch, 13, 13, 32] │       0 │
│ flatten (flatten)  │ [batch, 5408]       │       0 │
│ dense (dense)      │ [batch, 10]         │  54,090 │
└────────────────────┴─────────────────────┴─────────┘
Total params: 54,410 (212.54 KiB)
Trainable params: 54,410 (212.54 KiB)
Non-trainable params: 0 (0 B)`,
  );
});

test('a summary of shared and nested layers, of what is frozen and what is not', () => {
  const net = matcher();
  expect(net.freeze('conv2d')).toEqual(['matcher/conv2d/kernel', 'matcher/conv2d/bias']);
  expect(net.summary({ expandNested: true })).toBe(
    `Model: "matcher"
┌─────────────────────────────────┬──────────────────┬─────────┬────────────────────────────┐
│ Layer (kind)                    │ Output Shape     │ Param # │ Connected to               │
├─────────────────────────────────┼──────────────────┼─────────┼────────────────────────────┤
│ image (input)                   │ [batch, 8, 8, 3] │       0 │ -                          │
│ other (input)                   │ [batch, 4]       │       0 │ -                          │
│ rescale (rescale)               │ [batch, 8, 8, 3] │       0 │ image                      │
│ conv2d (conv2d)                 │ [batch, 8, 8, 4] │     112 │ rescale                    │
│ batch_norm (batchNorm)          │ [batch, 8, 8, 4] │      17 │ conv2d                     │
│ add (add)                       │ [batch, 8, 8, 4] │       0 │ conv2d, batch_norm         │
│ global_avg_pool (globalAvgPool) │ [batch, 4]       │       0 │ add                        │
│ <a & "b"> (sequential)          │ [batch, 2]       │      28 │ global_avg_pool, other     │
│   input (input)                 │ [batch, 4]       │       0 │ -                          │
│   dense (dense)                 │ [batch, 4]       │      20 │ input                      │
│   dense_1 (dense)               │ [batch, 2]       │       8 │ dense                      │
│ dot (dot)                       │ [batch, 1]       │       0 │ <a & "b">[0], <a & "b">[1] │
└─────────────────────────────────┴──────────────────┴─────────┴────────────────────────────┘
Total params: 157 (628 B)
Trainable params: 36 (144 B)
Non-trainable params: 121 (484 B)`,
  );
});

test('the graph for Graphviz has a box for each use and an arrow for each link', () => {
  expect(matcher().toDot()).toBe(`digraph "matcher" {
  node [shape=box fontname="monospace" fontsize=11];
  n0 [label="image\\nu8 [batch, 8, 8, 3]" style=rounded];
  n1 [label="other\\nf32 [batch, 4]" style=rounded];
  n2 [label="rescale\\n[batch, 8, 8, 3]" style=solid];
  n3 [label="conv2d\\n112 params\\n[batch, 8, 8, 4]" style=solid];
  n4 [label="batch_norm\\nbatchNorm, 17 params\\n[batch, 8, 8, 4]" style=solid];
  n5 [label="add\\n[batch, 8, 8, 4]" style=solid];
  n6 [label="global_avg_pool\\nglobalAvgPool\\n[batch, 4]" style=solid];
  n7 [label="<a & \\"b\\">\\nsequential, 28 params, shared, use 1 of 2\\n[batch, 2]" peripheries=2];
  n8 [label="<a & \\"b\\">\\nsequential, 28 params, shared, use 2 of 2\\n[batch, 2]" peripheries=2];
  n9 [label="dot\\n[batch, 1]" style=solid];
  n0 -> n2;
  n2 -> n3;
  n3 -> n4;
  n3 -> n5;
  n4 -> n5;
  n5 -> n6;
  n6 -> n7;
  n1 -> n8;
  n7 -> n9;
  n8 -> n9;
}
`);
});

test('the picture shows every box apart from the others, and every link', () => {
  const svg = matcher().toSvg();
  expect(svg).toBe(matcher().toSvg());
  expect(svg).toContain('<title>matcher</title>');
  expect(svg).toContain('>&lt;a &amp; &quot;b&quot;&gt;</text>');
  expect(svg.replaceAll(/&(amp|lt|gt|quot);/g, '')).not.toContain('&');
  expect(svg.match(/marker-end/g)).toHaveLength(10);
  const number = (tag: string, name: string) => Number(tag.match(`${name}="([-0-9.]+)"`)?.[1]);
  const boxes = [...svg.matchAll(/<rect[^>]*>/g)].map(([tag]) => ({
    left: number(tag, 'x'),
    top: number(tag, ' y'),
    right: number(tag, 'x') + number(tag, 'width'),
    bottom: number(tag, ' y') + number(tag, 'height'),
  }));
  expect(boxes).toHaveLength(10);
  const whole = { right: number(svg, 'width'), bottom: number(svg, 'height') };
  for (const [i, box] of boxes.entries()) {
    expect(box.left).toBeGreaterThan(0);
    expect(box.top).toBeGreaterThan(0);
    expect(box.right).toBeLessThan(whole.right);
    expect(box.bottom).toBeLessThan(whole.bottom);
    const apart = boxes.slice(i + 1).every((other) => {
      const beside = other.left > box.right || other.right < box.left;
      return beside || other.top > box.bottom || other.bottom < box.top;
    });
    expect(apart).toBe(true);
  }
  // The link around the normalisation passes its row beside the box.
  const around = svg.match(/<path d="(M[^"]*V[^"]*)"/)?.[1] ?? '';
  const passed = Number(around.match(/([\d.]+) [\d.]+V/)?.[1]);
  expect(passed < (boxes[4]?.left ?? 0) || passed > (boxes[4]?.right ?? 0)).toBe(true);
});
