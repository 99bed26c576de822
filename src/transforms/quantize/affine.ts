/**
 * Affine quantisation: real = scale · (q − zeroPoint), q = clamp(round(real / scale) + zeroPoint), ties to even (Jacob et
 * al. 2018, equation 1; ONNX QuantizeLinear). Activations are unsigned with a zero point, weights signed around 0 with a
 * scale for each output channel.
 */
import { SkeinError } from '../../base/index.ts';
import { Tensor } from '../../graph/index.ts';
import { stridesOf } from '../../ops/index.ts';

/** What a value lies in. */
export type Range = readonly [low: number, high: number];

export interface ActivationScale {
  /** A float32. */
  readonly scale: number;
  readonly zeroPoint: number;
  /** The greatest q: 2^bits − 1. */
  readonly top: number;
}

export interface QuantizedWeight {
  /** int8, of the weight's shape. */
  readonly values: Tensor;
  /** float32, one an output channel. */
  readonly scales: Float32Array;
}

/** Below this a float32 scale loses digits, and its reciprocal overflows. */
const LEAST_SCALE = 2 ** -126;

/** A bias may take so much of int32; the rest is for the sum that it is added to. */
const LARGEST_BIAS = 2 ** 30;

/** Round to nearest, ties to even. */
export function rint(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Scale and zero point of a range, which is widened to hold 0: padding and ReLU must be exact.
 * @throws SkeinError 'invalid-argument' if the range is none
 */
export function activationScale([low, high]: Range, bits = 8): ActivationScale {
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high) {
    throw new SkeinError('invalid-argument', `A range must be two numbers in order, received ${low} to ${high}`);
  }
  const top = 2 ** bits - 1;
  const least = Math.min(low, 0);
  const scale = Math.fround((Math.max(high, 0) - least) / top);
  // Nothing but 0 was seen.
  if (scale < LEAST_SCALE) return { scale: 1, zeroPoint: 0, top };
  if (!Number.isFinite(scale)) {
    throw new SkeinError('invalid-argument', `A range of float32 numbers cannot go from ${low} to ${high}`);
  }
  return { scale, zeroPoint: Math.min(Math.max(rint(-least / scale), 0), top), top };
}

/**
 * A weight as integers from −(2^(bits−1) − 1) to 2^(bits−1) − 1, each output channel with a scale of its own.
 * @param channels the axis of the output channels
 * @param leastScales the scales that are taken where the weights themselves need less: see `leastWeightScales`
 */
export function quantizeWeight(
  weight: Tensor,
  channels: number,
  bits = 8,
  leastScales?: ArrayLike<number>,
): QuantizedWeight {
  const limit = 2 ** (bits - 1) - 1;
  const elements = weight.float32s();
  const count = weight.dims[channels] ?? 1;
  const stride = stridesOf(weight.dims)[channels] ?? 1;
  const channelOf = (i: number): number => Math.floor(i / stride) % count;
  const largest = new Float64Array(count);
  for (const [i, element] of elements.entries()) {
    const channel = channelOf(i);
    if (!Number.isFinite(element)) {
      throw new SkeinError('invalid-argument', `A weight must be a number to be quantised, received ${element}`);
    }
    largest[channel] = Math.max(largest[channel] as number, Math.abs(element));
  }
  const scales = Float32Array.from(largest, (most, channel) => {
    const scale = Math.max(most / limit, leastScales?.[channel] ?? 0);
    return scale < LEAST_SCALE ? 1 : scale;
  });
  const values = Int8Array.from(elements, (element, i) => {
    const q = rint(element / (scales[channelOf(i)] as number));
    return Math.min(Math.max(q, -limit), limit);
  });
  return { values: new Tensor('int8', weight.dims, new Uint8Array(values.buffer)), scales };
}

/**
 * The bias is added to sums of q·q, so its scale is that of input times weight. Where the weights of a channel are all but
 * 0, such a scale would be too fine for the bias to fit; their own scale must then be this coarse.
 */
export function leastWeightScales(bias: Float32Array, inputScale: number): Float64Array {
  return Float64Array.from(bias, (value) => Math.abs(value) / (inputScale * LARGEST_BIAS));
}

export interface QuantizedBias {
  /** int32 [channels]. */
  readonly values: Tensor;
  /** Of input times weight; float32. */
  readonly scales: Float32Array;
}

export function quantizeBias(bias: Float32Array, inputScale: number, weightScales: Float32Array): QuantizedBias {
  const scales = weightScales.map((scale) => inputScale * scale);
  const values = Int32Array.from(bias, (value, i) => {
    const q = rint(value / Math.max(scales[i] as number, LEAST_SCALE));
    return Math.min(Math.max(q, -(2 ** 31)), 2 ** 31 - 1);
  });
  return { values: new Tensor('int32', [bias.length], new Uint8Array(values.buffer)), scales };
}
