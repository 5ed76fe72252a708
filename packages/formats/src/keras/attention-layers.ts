import type { Node } from '@vanda/engine';
import type { LayerCall, LayerRule, Value } from './layer-rule.ts';
import { sizeOf } from './layer-rule.ts';

/** x [N, T, D] by a kernel of several axes, [D, ...columns] or [...rows, D], as the product of two matrices. */
function projected(
  call: LayerCall,
  x: Node,
  name: string,
  kernel: readonly number[],
  rows: number,
): Node {
  const part = `${name}_dense`.replace('attention_output_', 'output_');
  const g = call.graph;
  const columns = kernel.reduce((a, b) => a * b, 1) / rows;
  const bias = name === 'attention_output' ? kernel.slice(-1) : kernel.slice(1);
  const weight = g.reshape(call.weight(`${name}/kernel`, kernel, { part }), [rows, columns]);
  if (!call.config.get('use_bias').flag(true)) return g.dense(x, weight);
  const shift = g.reshape(call.weight(`${name}/bias`, bias, { part }), [columns]);
  return g.dense(x, weight, shift);
}

/** Query, value and key [N, T, D] of Keras' MultiHeadAttention; the key is the value where it is not given. */
const multiHeadAttention: LayerRule = {
  inputs: [1, 3],
  mask: 'refused',
  options: ['return_attention_scores', 'use_causal_mask'],
  apply(call) {
    const { config, options } = call;
    for (const name of ['output_shape', 'sliding_window']) config.get(name).mustBe(undefined);
    const axes = config.get('attention_axes').wholes(-8, { length: 1, fallback: [1] });
    if (axes[0] !== 1)
      config.get('attention_axes').fail('only the steps of sequences can be attended to');
    config.get('use_gate').mustBe(undefined, false);
    options.get('return_attention_scores').mustBe(undefined, false);
    const heads = config.get('num_heads').whole(1);
    const depth = config.get('key_dim').whole(1);
    const valueDepth = config.get('value_dim').whole(1, depth);
    const [query, value, key = value] = call.inputs.map((input: Value) => input.node) as Node[];
    if (!query || !value || !key) return config.fail('takes a query and a value');
    const width = sizeOf(query, -1, call);
    const part = (x: Node, name: string, size: number) => {
      const from = sizeOf(x, -1, call);
      return projected(call, x, name, [from, heads, size], from);
    };
    const q = part(query, 'query', depth);
    const k = part(key, 'key', depth);
    const v = part(value, 'value', valueDepth);
    const causal = options.get('use_causal_mask').flag(false);
    const attended = call.graph.attention(q, k, v, { heads, causal });
    const kernel = [heads, valueDepth, width];
    return projected(call, attended, 'attention_output', kernel, heads * valueDepth);
  },
};

export const attentionLayers: Record<string, LayerRule> = {
  MultiHeadAttention: multiHeadAttention,
};
