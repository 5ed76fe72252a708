import type { Tensor } from '@vanda/engine';
import type { LayerValue } from '../keras-layer.ts';
import type { EmitLayers, LayerEmission, LayerEmitters } from '../layer-emission.ts';
import { zeros } from './parts.ts';
import { taken } from './slice.ts';

/** Blocks of columns are input, forget, candidate, output in both. */
function lstm(e: LayerEmission): readonly LayerValue[] {
  const x = e.input(0);
  if (e.flag('mask')) e.refuse('masks of steps are not exported');
  if (e.flag('state')) e.refuse('a state to begin with is not exported');
  const [kernel, recurrent, bias] = [e.numbersOf(1), e.numbersOf(2), e.numbersOf(3)];
  const [units = 1] = recurrent.shape;
  const steps = e.places(x.dims)[0] ?? 1;
  const f32 = ({ shape, data }: { shape: readonly number[]; data: Float32Array }): Tensor => ({
    dtype: 'f32',
    shape,
    data,
  });
  const [sequence = false, last = false, cell = false] = e.read;
  const backwards = e.flag('reverse');
  const states = cell || (sequence && last);
  const layer = e.writer.add({
    className: 'LSTM',
    inputs: [x],
    name: kernel.name.replace(/\/[^/]*$/, ''),
    config: {
      units,
      activation: 'tanh',
      recurrent_activation: 'sigmoid',
      use_bias: true,
      kernel_initializer: zeros,
      recurrent_initializer: zeros,
      unit_forget_bias: false,
      return_sequences: sequence,
      return_state: states,
      go_backwards: backwards,
    },
    weights: { kernel: f32(kernel), recurrent_kernel: f32(recurrent), bias: f32(bias) },
  });
  const value = (output: number, dims: readonly (number | null)[]): LayerValue => ({
    dims,
    dtype: 'f32',
    from: { layer, output },
  });
  const all = value(0, [null, steps, units]);
  // Keras leaves a sequence that was read backwards in the order in which it was read.
  const turned = () =>
    taken(
      e,
      all,
      1,
      Array.from({ length: steps }, (_, step) => steps - 1 - step),
    );
  const y = sequence && backwards ? turned() : all;
  return [y, value(states ? 1 : 0, [null, units]), value(2, [null, units])];
}

/** TensorFlow.js resets before the recurrent product, the engine (as Keras and PyTorch) behind it. */
const gru: EmitLayers = (e) =>
  e.refuse(
    'resets its state behind the recurrent product, which the GRU of TensorFlow.js does not',
  );

export const recurrences: LayerEmitters = { lstm, gru };
