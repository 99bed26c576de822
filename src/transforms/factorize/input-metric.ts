/**
 * Makes what is lost of a kernel count by what it does to the layer's output: |W x|² over images is tr(W C Wᵀ) with the
 * second moments C of the input's channels, so the kernel is split as W·L with C = L·Lᵀ, and the part that reads the input
 * is turned back by L⁻¹. The least squares on responses of Zhang et al. 2016 (section 3.1), where the pixels of a window
 * count as equal and without relation; at full rank nothing changes.
 */
import { SkeinError } from '../../base/index.ts';
import { type InputMoments, withRidge } from '../input-moments.ts';
import { cholesky, type Matrix, multiply, solvedAbove, transposed } from '../matrix.ts';
import { foldedByIn, type Kernel, unfoldedByIn } from './kernel.ts';

/** L, lower triangular, of the moments with their ridge. Undefined where they say nothing. */
export function inputMetric(moments: InputMoments): Matrix | undefined {
  const scaled = withRidge(moments);
  return scaled && cholesky(scaled);
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
  return foldedByIn(solvedAbove(metric, unfoldedByIn(part)), part);
}
