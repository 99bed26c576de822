/**
 * What errors of a kernel matter to the network: with the second moments of the layer's input, Σ = E[x·xᵀ] over its
 * channels, and a scale for each output channel (that of the batch normalisation behind), the error of the outputs
 * E‖s·(K − K')·x‖² is the plain one of the kernel s·K·Σ^½, as far as neighbouring pixels are independent. That kernel is
 * split, and its first and last part are freed of the weighting again: a data-aware decomposition, still exact at full rank.
 */
import { decompose } from './decompose.ts';
import type { Factorization } from './factorization.ts';
import { type Kernel, unfoldedByOut } from './kernel.ts';
import { type Matrix, matrix, multiply, transposed } from './matrix.ts';
import { symmetricEigen } from './symmetric-eigen.ts';
import { onInput } from './tucker2.ts';

export interface Weighting {
  /** Second moments [in, in] of the input channels. */
  readonly input?: Matrix;
  /** By how much each output channel counts. */
  readonly output?: ArrayLike<number>;
}

/** Directions and channels that say next to nothing keep this part of the mean, so that the weighting can be undone. */
const LEAST = 1e-6;

/** A kernel as it is weighed, and how its parts are freed of that. */
export interface WeightedKernel {
  readonly kernel: Kernel;
  decompose(factorization: Factorization): readonly Kernel[];
}

export function weighted(kernel: Kernel, { input, output }: Weighting = {}): WeightedKernel {
  const roots = input && squareRoots(input);
  const scales = output && flooredScales(output);
  let now = kernel;
  if (roots !== undefined) now = onInput(now, roots.root);
  if (scales !== undefined) now = scaled(now, scales);
  return {
    kernel: now,
    decompose(factorization) {
      const parts = [...decompose(now, factorization)];
      const [first, last] = [parts[0], parts.at(-1)];
      if (roots !== undefined && first !== undefined) parts[0] = onInput(first, roots.inverse);
      if (scales !== undefined && last !== undefined)
        parts[parts.length - 1] = scaled(
          last,
          scales.map((scale) => 1 / scale),
        );
      return parts;
    },
  };
}

/** Σ^½ and Σ^−½ */
function squareRoots(moments: Matrix): { root: Matrix; inverse: Matrix } {
  const { values, vectors } = symmetricEigen(moments);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const roots = values.map((value) => Math.sqrt(Math.max(value, LEAST * mean)) || 1);
  const power = (by: (root: number) => number): Matrix => {
    const right = matrix(vectors.rows, vectors.columns, vectors.data.slice());
    for (let i = 0; i < right.data.length; i++) {
      right.data[i] = (right.data[i] as number) * by(roots[Math.floor(i / right.columns)] as number);
    }
    return multiply(transposed(vectors), right);
  };
  return { root: power((root) => root), inverse: power((root) => 1 / root) };
}

function flooredScales(output: ArrayLike<number>): Float64Array {
  const sizes = Float64Array.from(output, Math.abs);
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  return sizes.map((size) => Math.max(size, Math.sqrt(LEAST) * mean) || 1);
}

function scaled(kernel: Kernel, scales: Float64Array): Kernel {
  const { columns, data } = unfoldedByOut(kernel);
  return { ...kernel, data: data.map((value, i) => value * (scales[Math.floor(i / columns)] as number)) };
}
