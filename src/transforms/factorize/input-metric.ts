/**
 * Makes what is lost of a kernel count by what it does to the layer's output: |W x|² over images is tr(W C Wᵀ) with the
 * second moments C of the input's channels, so the kernel is split as W·L with C = L·Lᵀ, and the part that reads the input
 * is turned back by L⁻¹. The least squares on responses of Zhang et al. 2016 (section 3.1), where the pixels of a window
 * count as equal and without relation; at full rank nothing changes.
 */
import { SkeinError } from '../../base/index.ts';
import { foldedByIn, type Kernel, unfoldedByIn } from './kernel.ts';
import { type Matrix, matrix, multiply, transposed } from './matrix.ts';

/**
 * Of the mean moment, added to each channel's own: what the images show little of must not be lost altogether, as others
 * will show it.
 */
const RIDGE = 0.01;

/** Of an input's channels: their mean products over images and pixels, [in, in]; a multiple of them will do. */
export type InputMoments = Matrix;

/** L, lower triangular; the mean of the squares of its rows is 1 + RIDGE. Undefined where the moments say nothing. */
export function inputMetric({ rows, data }: InputMoments): Matrix | undefined {
  let mean = 0;
  for (let i = 0; i < rows; i++) mean += (data[i * rows + i] as number) / rows;
  if (!(mean > 0) || !data.every(Number.isFinite)) return undefined;
  const l = matrix(rows, rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = (data[i * rows + j] as number) / mean + (i === j ? RIDGE : 0);
      for (let k = 0; k < j; k++) rest -= (l.data[i * rows + k] as number) * (l.data[j * rows + k] as number);
      if (i === j && !(rest > 0)) return undefined;
      l.data[i * rows + j] = i === j ? Math.sqrt(rest) : rest / (l.data[j * rows + j] as number);
    }
  }
  return l;
}

/** W·L */
export function intoMetric(kernel: Kernel, metric: Matrix): Kernel {
  if (metric.rows !== kernel.in) {
    throw new SkeinError('internal', `A kernel of ${kernel.in} input channels was given moments of ${metric.rows}`);
  }
  return foldedByIn(multiply(transposed(metric), unfoldedByIn(kernel)), kernel);
}

/** W·L⁻¹, of the part that reads the layer's input. */
export function outOfMetric(part: Kernel, metric: Matrix): Kernel {
  // Lᵀ·X = Y from the last row up; a row of Y has all that an input channel does.
  const solved = unfoldedByIn(part);
  const { columns, data } = solved;
  const { rows: size, data: l } = metric;
  for (let i = size - 1; i >= 0; i--) {
    const row = data.subarray(i * columns, (i + 1) * columns);
    for (let k = i + 1; k < size; k++) {
      const weight = l[k * size + i] as number;
      if (weight === 0) continue;
      const from = k * columns;
      for (let c = 0; c < columns; c++) row[c] = (row[c] as number) - weight * (data[from + c] as number);
    }
    const own = l[i * size + i] as number;
    for (let c = 0; c < columns; c++) row[c] = (row[c] as number) / own;
  }
  return foldedByIn(solved, part);
}
