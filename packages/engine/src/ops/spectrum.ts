import { EngineError } from '../engine-error.ts';
import type { Node } from '../node.ts';
import type { Tensor } from '../tensor.ts';
import { tensor } from '../tensor.ts';
import { LinearAlgebraOps } from './linear-algebra.ts';

export interface FrameOptions {
  /** Samples of one frame. */
  size: number;
  /** Samples from the beginning of one frame to that of the next. */
  hop: number;
}
export interface SpectrogramOptions extends FrameOptions {
  /** The length of the transform, at least the size of a frame: zeros fill it up. Defaults to that size. */
  length?: number;
  /** What each frame is multiplied by; a Hann window unless told. */
  window?: 'hann' | 'hamming' | 'none';
  /** Of the magnitude: 2 is power. */
  power?: number;
}
export interface MelOptions {
  bands: number;
  /** Samples a second. */
  rate: number;
  /** Hz; the whole range from 0 to half the rate unless told. */
  lowest?: number;
  highest?: number;
}

/** Transforms of signals. */
export class SpectrumOps extends LinearAlgebraOps {
  /** The discrete Fourier transform of real signals: [..., T] -> [..., T / 2 + 1, 2], real and imaginary parts. Any T. */
  rfft(x: Node): Node {
    return this.emit('rfft', [x]);
  }

  /** The opposite of rfft: [..., length / 2 + 1, 2] -> [..., length]. */
  irfft(y: Node, length: number): Node {
    return this.emit('irfft', [y], { length });
  }

  /** Frames of a signal, which overlap where the hop is smaller than the size: [N, T] -> [N, frames, size]. */
  frames(x: Node, options: FrameOptions): Node {
    const { size, hop } = options;
    const total = x.shape[1];
    const whole = (n: number) => Number.isSafeInteger(n) && n >= 1;
    if (x.shape.length !== 2 || typeof total !== 'number' || !whole(size) || total < size) {
      const text = `takes signals [N, T] of at least ${size} samples, not [${x.shape.join(', ')}]`;
      throw new EngineError('shape_mismatch', 'frames', text);
    }
    if (!whole(hop)) {
      throw new EngineError('invalid_attribute', 'frames', `a hop of ${hop} is none of at least 1`);
    }
    const count = Math.floor((total - size) / hop) + 1;
    const places = Int32Array.from(
      { length: count * size },
      (_, i) => Math.floor(i / size) * hop + (i % size),
    );
    return this.take(x, this.constant(tensor(places, [count, size])), 1);
  }

  /** Magnitudes of the bins of each frame, to a power: [N, T] -> [N, frames, length / 2 + 1]. Frames lie inside the signal. */
  spectrogram(x: Node, options: SpectrogramOptions): Node {
    const { size, length = size, window = 'hann', power = 2 } = options;
    if (!Number.isSafeInteger(length) || length < size) {
      const text = `the length must be a whole number of at least the frame's ${size}`;
      throw new EngineError('invalid_attribute', 'spectrogram', text);
    }
    const frames = this.frames(x, options);
    const shaped = window === 'none' ? frames : this.mul(frames, this.#window(window, size));
    const filled = this.pad(shaped, [
      [0, 0],
      [0, 0],
      [0, length - size],
    ]);
    const squares = this.sum(this.square(this.rfft(filled)), -1);
    return power === 2 ? squares : this.pow(this.maximum(squares, 1e-20), power / 2);
  }

  /** Spectra [..., bins] in bands of equal width on the mel scale: -> [..., bands]. */
  mel(spectrum: Node, options: MelOptions): Node {
    const bins = spectrum.shape.at(-1);
    if (typeof bins !== 'number' || bins < 2) {
      throw new EngineError('shape_mismatch', 'mel', 'takes spectra [..., bins] of known size');
    }
    const filters = this.constant(melFilters(bins, options));
    const rows = this.reshape(spectrum, [-1, bins]);
    const y = this.matmul(rows, filters);
    return this.reshape(
      y,
      [...spectrum.shape.slice(0, -1), options.bands].map((dim) => dim ?? -1),
    );
  }

  // Periodic, as transforms want it.
  #window(kind: 'hann' | 'hamming', size: number): Node {
    const base = kind === 'hann' ? 0.5 : 0.54;
    const wave = (i: number) => base - (1 - base) * Math.cos((2 * Math.PI * i) / size);
    return this.constant(tensor(Float32Array.from({ length: size }, (_, i) => wave(i))));
  }
}

/**
 * Triangles [bins, bands] between neighbours that lie evenly on the mel scale 2595 log10(1 + f / 700), as HTK's and
 * TensorFlow's; bins go from 0 to half the rate.
 */
function melFilters(bins: number, options: MelOptions): Tensor {
  const { bands, rate, lowest = 0, highest = rate / 2 } = options;
  if (
    !(
      Number.isSafeInteger(bands) &&
      bands >= 1 &&
      lowest >= 0 &&
      highest > lowest &&
      highest <= rate / 2
    )
  ) {
    const text = `cannot lay ${bands} bands between ${lowest} and ${highest} Hz at ${rate} samples a second`;
    throw new EngineError('invalid_attribute', 'mel', text);
  }
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const width = (mel(highest) - mel(lowest)) / (bands + 1);
  const weight = (bin: number, band: number) => {
    const at = (mel((bin * rate) / 2 / (bins - 1)) - mel(lowest)) / width - band;
    return Math.max(0, Math.min(at, 2 - at));
  };
  const data = Float32Array.from({ length: bins * bands }, (_, i) =>
    weight(Math.floor(i / bands), i % bands),
  );
  return tensor(data, [bins, bands]);
}
