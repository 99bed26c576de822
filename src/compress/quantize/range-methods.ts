/**
 * From what was seen of a value to the range that is rounded to integers: a wide one has coarse steps, a narrow one cuts
 * off what lies outside.
 */
import { SkeinError } from '../../base/index.ts';
import type { Range } from '../../transforms/index.ts';
import { entropyRange } from './entropy-range.ts';
import type { Histogram } from './histogram.ts';
import { meanSquaredErrorRange } from './mean-squared-error-range.ts';

export const RANGE_METHODS = ['min-max', 'percentile', 'entropy', 'mse'] as const;

/**
 * - `min-max`: everything that was seen
 * - `percentile`: so much of it, cut off at both ends alike
 * - `entropy`: what loses least information (Migacz, 8-bit inference with TensorRT, 2017)
 * - `mse`: what has the least squared error of rounding and cutting off together
 */
export type RangeMethod = (typeof RANGE_METHODS)[number];

export interface RangeOptions {
  readonly method: RangeMethod;
  /** Of `percentile`: percent that stay; 99.99 unless told. */
  readonly percentile?: number;
  /** Of `entropy` and `mse`; 8 unless told. */
  readonly bits?: number;
}

/** @throws SkeinError 'invalid-argument' for a percentile that is none */
export function rangeOf(histogram: Histogram, { method, percentile = 99.99, bits = 8 }: RangeOptions): Range {
  switch (method) {
    case 'min-max':
      return [histogram.low, histogram.high];
    case 'percentile':
      return percentileRange(histogram, percentile);
    case 'entropy':
      return entropyRange(histogram, bits);
    case 'mse':
      return meanSquaredErrorRange(histogram, bits);
  }
}

/** The edges of the bins between which at least so many percent lie. */
export function percentileRange(histogram: Histogram, percentile: number): Range {
  if (!(percentile > 0 && percentile <= 100)) {
    throw new SkeinError('invalid-argument', `A percentile lies above 0 and up to 100, received ${percentile}`);
  }
  const { low, counts, width, total } = histogram;
  const cut = (total * (100 - percentile)) / 200;
  const bins = counts.length;
  let [first, below] = [0, 0];
  while (first < bins - 1 && below + (counts[first] as number) <= cut) below += counts[first++] as number;
  let [last, above] = [bins - 1, 0];
  while (last > first && above + (counts[last] as number) <= cut) above += counts[last--] as number;
  const end = last === bins - 1 ? histogram.high : low + (last + 1) * width;
  return [low + first * width, end];
}
