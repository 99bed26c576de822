/** What is known of a layer's input from sample images, where weights are chosen by what they answer. */
import { type Matrix, matrix } from './matrix.ts';

/**
 * Of the mean moment, added to each channel's own: what the images show little of must not be lost altogether, as others
 * will show it.
 */
const RIDGE = 0.01;

/** Of an input's channels: their mean products over images and pixels, [in, in]; a multiple of them will do. */
export type InputMoments = Matrix;

/**
 * The moments over the mean of the channels' own, and the ridge: positive definite. Undefined where they say nothing.
 */
export function withRidge({ rows, columns, data }: InputMoments): Matrix | undefined {
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
