/**
 * A layer's weights as factorising sees them: a 4-way array [out, in, height, width] in double precision, of a Conv of one
 * group or, with a window of 1 × 1, of a Gemm or MatMul; and the matrices that it unfolds to.
 */
import { type Matrix, matrix } from '../matrix.ts';

export interface Kernel {
  readonly out: number;
  readonly in: number;
  readonly height: number;
  readonly width: number;
  /** Row-major: out, in, height, width. */
  readonly data: Float64Array;
}

export function kernelOf(dims: readonly number[], data: ArrayLike<number>): Kernel {
  const [out = 1, channels = 1, height = 1, width = 1] = dims;
  return { out, in: channels, height, width, data: Float64Array.from(data) };
}

/** [out, in · height · width]; not a copy. */
export function unfoldedByOut({ out, in: channels, height, width, data }: Kernel): Matrix {
  return matrix(out, channels * height * width, data);
}

/** [in, out · height · width] */
export function unfoldedByIn({ out, in: channels, height, width, data }: Kernel): Matrix {
  const area = height * width;
  const unfolded = matrix(channels, out * area);
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < channels; i++) {
      const from = (o * channels + i) * area;
      unfolded.data.set(data.subarray(from, from + area), (i * out + o) * area);
    }
  }
  return unfolded;
}

/** The inverse of `unfoldedByIn`. */
export function foldedByIn({ rows, data }: Matrix, { out, height, width }: Kernel): Kernel {
  const swapped = unfoldedByIn({ out: rows, in: out, height, width, data });
  return { out, in: rows, height, width, data: swapped.data };
}

/** [in · height, out · width]: what a column of the window does to each input channel, and a row of it to each output. */
export function unfoldedBySpace({ out, in: channels, height, width, data }: Kernel): Matrix {
  const unfolded = matrix(channels * height, out * width);
  let from = 0;
  for (let o = 0; o < out; o++) {
    for (let row = 0; row < channels * height; row++) {
      for (let x = 0; x < width; x++) unfolded.data[row * unfolded.columns + o * width + x] = data[from++] as number;
    }
  }
  return unfolded;
}

/** A matrix as a 1 × 1 kernel. */
export function pointwise({ rows, columns, data }: Matrix): Kernel {
  return { out: rows, in: columns, height: 1, width: 1, data };
}
