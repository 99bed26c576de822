/**
 * Tucker-2 of a kernel (Kim et al. 2016, equation 5): K[o, i] ≈ Σ_s Σ_r B[o, s] · C[s, r] · A[r, i], where C is a kernel
 * on fewer channels, by the higher-order SVD (De Lathauwer et al. 2000), whose error is at most √2 times the best.
 */

import { gram, type Matrix, multiply, transposed } from '../matrix.ts';
import { foldedByIn, type Kernel, pointwise, unfoldedByIn, unfoldedByOut } from './kernel.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

/** @param ranks of input and output channels, within `fullRanks` */
export function tucker2(kernel: Kernel, ranks: readonly [input: number, output: number]): readonly Kernel[] {
  const input = leading(unfoldedByIn(kernel), ranks[0]);
  const output = leading(unfoldedByOut(kernel), ranks[1]);
  return [pointwise(input), inBases(kernel, input, output), pointwise(transposed(output))];
}

/** The kernel between channels that are combinations of its own, a row of a matrix each. */
export function inBases(kernel: Kernel, input: Matrix, output: Matrix): Kernel {
  const onInput = foldedByIn(multiply(input, unfoldedByIn(kernel)), kernel);
  return { ...onInput, out: output.rows, data: multiply(output, unfoldedByOut(onInput)).data };
}

/** The leading left singular vectors, a row each. */
function leading(a: Matrix, rank: number): Matrix {
  return symmetricEigen(gram(a), rank).vectors;
}
