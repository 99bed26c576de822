/** What is known of a layer's input from sample images, where weights are chosen by what they answer. */
import { type Matrix, matrix } from './matrix.ts';

/**
 * Of the mean moment, added to each one's own: what the images show little of must not be lost altogether, as others will
 * show it.
 */
const RIDGE = 0.01;

/**
 * Mean products of what a layer's weights read, up to a factor each: of channels with channels at the same pixel, and of
 * pixels with pixels of the same channel. Together, as a Kronecker product, they stand for those of whole windows.
 */
export interface InputMoments {
  /** [in, in] */
  readonly channels: Matrix;
  /** Of the pixels in a column of the window, [height, height]; without it they count as without relation. */
  readonly vertical?: Matrix;
  /** Of those in a row, [width, width]. */
  readonly horizontal?: Matrix;
}

/** Moments over the mean of the diagonal, and the ridge: positive definite. Undefined where they say nothing. */
export function withRidge({ rows, columns, data }: Matrix): Matrix | undefined {
  let mean = 0;
  for (let i = 0; i < rows; i++) mean += (data[i * rows + i] as number) / rows;
  if (!(mean > 0) || !data.every(Number.isFinite)) return undefined;
  const scaled = matrix(
    rows,
    columns,
    data.map((value) => value / mean),
  );
  for (let i = 0; i < rows; i++) scaled.data[i * rows + i] = (scaled.data[i * rows + i] as number) + RIDGE;
  return scaled;
}

/** Moments of neighbours from the sums of products at each distance: the same at every place. */
export function momentsOfLags(lags: ArrayLike<number>): Matrix {
  const size = lags.length;
  return matrix(
    size,
    size,
    Float64Array.from({ length: size * size }, (_, k) => lags[Math.abs(Math.floor(k / size) - (k % size))] as number),
  );
}
