import { activationLayers } from './activations.ts';
import { attentionLayers } from './attention-layers.ts';
import { convolutionLayers } from './convolution-layers.ts';
import { denseLayers } from './dense-layers.ts';
import type { LayerRule } from './layer-rule.ts';
import { mergeLayers } from './merge-layers.ts';
import type { KerasLayer } from './model-config.ts';
import { poolingLayers } from './pooling-layers.ts';
import { recurrentLayers } from './recurrent-layers.ts';
import { shapeLayers } from './shape-layers.ts';

/** Every class of layers that can be taken; there is no way to add to it from a file. */
const rules: ReadonlyMap<string, LayerRule> = new Map(
  Object.entries({
    ...activationLayers,
    ...attentionLayers,
    ...convolutionLayers,
    ...denseLayers,
    ...mergeLayers,
    ...poolingLayers,
    ...recurrentLayers,
    ...shapeLayers,
  }),
);

export function ruleOf({ className, config, name }: KerasLayer): LayerRule {
  const rule = rules.get(className);
  if (rule) return rule;
  if (className === 'Lambda')
    return config.fail(
      `the layer '${name}' is a Lambda: it carries a program, and none is run here`,
    );
  return config.fail(
    `there is no layer '${className.slice(0, 100)}'; known are ${[...rules.keys()].sort().join(', ')}`,
  );
}
