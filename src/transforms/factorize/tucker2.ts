/**
 * Tucker-2 of a kernel (Kim et al. 2016, equation 5): K[o, i] ≈ Σ_s Σ_r B[o, s] · C[s, r] · A[r, i], where C is a kernel
 * on fewer channels. Begins with the higher-order SVD (De Lathauwer et al. 2000a), whose error is at most √2 times the best,
 * and goes towards the best by orthogonal iteration (HOOI, De Lathauwer et al. 2000b).
 */
import { foldedByIn, type Kernel, pointwise, unfoldedByIn, unfoldedByOut } from './kernel.ts';
import { gram, type Matrix, multiply, transposed } from './matrix.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

/** Each brings little after the first. */
const ITERATIONS = 2;

/** @param ranks of input and output channels, within `fullRanks` */
export function tucker2(kernel: Kernel, ranks: readonly [input: number, output: number]): readonly Kernel[] {
  const [inputRank, outputRank] = ranks;
  let input = leading(unfoldedByIn(kernel), inputRank);
  let output = leading(unfoldedByOut(kernel), outputRank);
  // With a side at full rank the other is the best already.
  if (inputRank < kernel.in && outputRank < kernel.out) {
    for (let i = 0; i < ITERATIONS; i++) {
      output = leading(unfoldedByOut(onInput(kernel, input)), outputRank);
      input = leading(unfoldedByIn(onOutput(kernel, output)), inputRank);
    }
  }
  const core = onOutput(onInput(kernel, input), output);
  return [pointwise(input), core, pointwise(transposed(output))];
}

/** The leading left singular vectors, a row each. */
function leading(a: Matrix, rank: number): Matrix {
  return symmetricEigen(gram(a), rank).vectors;
}

/** The kernel with its input channels multiplied by a matrix [channels now, channels before]. */
export function onInput(kernel: Kernel, by: Matrix): Kernel {
  return foldedByIn(multiply(by, unfoldedByIn(kernel)), kernel);
}

/** The kernel with its output channels multiplied by a matrix [channels now, channels before]. */
export function onOutput(kernel: Kernel, by: Matrix): Kernel {
  return { ...kernel, out: by.rows, data: multiply(by, unfoldedByOut(kernel)).data };
}
