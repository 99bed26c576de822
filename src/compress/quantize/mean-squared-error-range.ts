/**
 * The range with the least squared error: of rounding inside it, and of cutting off what lies outside (as in Banner et al.
 * 2018, ACIQ, with the values that were seen in place of a Gaussian). Found by shrinking both ends together, then each by
 * itself.
 */
import { activationScale, type Range, rint } from '../../transforms/index.ts';
import type { Histogram } from './histogram.ts';

const SHARES = Array.from({ length: 100 }, (_, i) => 1 - i / 100);
/** Of one end, while the other stays; the second time around what is found is not far away. */
const ROUNDS = 2;

export function meanSquaredErrorRange(histogram: Histogram, bits = 8): Range {
  // The range of the integers holds 0 in any case.
  const [low, high] = [Math.min(histogram.low, 0), Math.max(histogram.high, 0)];
  const best = (candidates: readonly Range[]): Range => {
    let [found, least] = [candidates[0] as Range, Number.POSITIVE_INFINITY];
    for (const range of candidates) {
      const error = roundingError(histogram, range, bits);
      if (error < least) [found, least] = [range, error];
    }
    return found;
  };
  let range = best(SHARES.map((share): Range => [share * low, share * high]));
  if (low === 0 || high === 0) return range;
  for (let round = 0; round < ROUNDS; round++) {
    const [, upper] = range;
    range = best([range, ...SHARES.map((share): Range => [share * low, upper])]);
    const [lower] = range;
    range = best([range, ...SHARES.map((share): Range => [lower, share * high])]);
  }
  return range;
}

/** Sum of the squared distances between the numbers of the histogram and what the range makes of them. */
export function roundingError(histogram: Histogram, range: Range, bits: number): number {
  const { scale, zeroPoint, top } = activationScale(range, bits);
  let error = 0;
  for (const [bin, count] of histogram.counts.entries()) {
    if (count === 0) continue;
    const value = histogram.center(bin);
    const q = Math.min(Math.max(rint(value / scale) + zeroPoint, 0), top);
    error += count * (value - (q - zeroPoint) * scale) ** 2;
  }
  return error;
}
