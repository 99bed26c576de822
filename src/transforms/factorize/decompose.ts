/** Splits a kernel into the kernels of its parts, whose product is the best, or nearly, that the ranks allow. */

import type { InputMoments } from '../input-moments.ts';
import type { Factorization } from './factorization.ts';
import { inputMetric, intoMetric, outOfMetric } from './input-metric.ts';
import { type Kernel, pointwise, unfoldedByOut, unfoldedBySpace } from './kernel.ts';
import { truncatedSvd } from './truncated-svd.ts';
import { tucker2 } from './tucker2.ts';

/**
 * In the order of running; see `Factorization` for what they are. Ranks must be ones that the kernel can have.
 * @param moments where they are known the product is the best for the layer's output instead of for its weights
 */
export function decompose(kernel: Kernel, factorization: Factorization, moments?: InputMoments): readonly Kernel[] {
  const metric = moments && inputMetric(moments);
  if (metric === undefined) return plainParts(kernel, factorization);
  return outOfMetric(plainParts(intoMetric(kernel, metric), factorization), metric);
}

function plainParts(kernel: Kernel, { kind, ranks }: Factorization): readonly Kernel[] {
  const [first = 1, second = 1] = ranks;
  if (kind === 'svd') return channelParts(kernel, first);
  if (kind === 'spatial') return spatialParts(kernel, first);
  return tucker2(kernel, [first, second]);
}

function channelParts(kernel: Kernel, rank: number): readonly Kernel[] {
  const { left, right } = truncatedSvd(unfoldedByOut(kernel), rank);
  return [{ ...kernel, out: rank, data: right.data }, pointwise(left)];
}

/** K[o, i, y, x] ≈ Σ_r V[r, i, y] · H[o, r, x] (Tai et al. 2016, section 3.1). */
function spatialParts(kernel: Kernel, rank: number): readonly Kernel[] {
  const { out, in: channels, height, width } = kernel;
  const { left, right } = truncatedSvd(unfoldedBySpace(kernel), rank);
  const vertical = new Float64Array(rank * left.rows);
  const horizontal = new Float64Array(rank * right.columns);
  for (let r = 0; r < rank; r++) {
    for (let k = 0; k < left.rows; k++) vertical[r * left.rows + k] = left.data[k * rank + r] as number;
    for (let o = 0; o < out; o++) {
      const from = r * right.columns + o * width;
      horizontal.set(right.data.subarray(from, from + width), (o * rank + r) * width);
    }
  }
  return [
    { out: rank, in: channels, height, width: 1, data: vertical },
    { out, in: rank, height: 1, width, data: horizontal },
  ];
}
