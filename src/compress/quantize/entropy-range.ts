/**
 * The threshold whose rounded distribution tells most of the real one (Migacz, 8-bit inference with TensorRT, GTC 2017):
 * for each candidate T, P is what was seen with all beyond T counted at T, Q what is left of it in as many levels as the
 * integers have, spread evenly over the bins of a level that hold anything; the T with the least KL(P ‖ Q) is taken. As in
 * NVIDIA's pytorch-quantization the bin at 0 counts no more than its neighbour: what ReLU makes 0 is exact, and would
 * drown all else.
 *
 * Magnitudes are looked at: of what takes both signs the larger side has its share of the levels.
 */
import type { Range } from '../../transforms/index.ts';
import { BINS, type Histogram } from './histogram.ts';

/** Bins between one candidate and the next. */
const STRIDE = 4;
/** The first candidate keeps so many at most. */
const FIRST = 128;

export function entropyRange(histogram: Histogram, bits = 8): Range {
  const { low, high } = histogram;
  const { counts, width } = magnitudes(histogram);
  const both = low < 0 && high > 0;
  const share = both ? Math.max(-low, high) / (high - low) : 1;
  const threshold = bestThreshold(counts, Math.round(2 ** bits * share)) * width;
  return [Math.max(low, -threshold), Math.min(high, threshold)];
}

/** The histogram of |x|, from 0. */
function magnitudes(histogram: Histogram): { counts: Float64Array; width: number } {
  const width = Math.max(Math.abs(histogram.low), Math.abs(histogram.high)) / BINS;
  const counts = new Float64Array(BINS);
  for (const [bin, count] of histogram.counts.entries()) {
    const at = width === 0 ? 0 : Math.min(Math.floor(Math.abs(histogram.center(bin)) / width), BINS - 1);
    counts[at] = (counts[at] as number) + count;
  }
  return { counts, width };
}

/** How many bins from 0 on are kept; the most of those that are equally good. */
export function bestThreshold(seen: Float64Array, levels: number): number {
  const counts = seen.slice();
  counts[0] = counts[1] ?? 0;
  let [best, least] = [counts.length, Number.POSITIVE_INFINITY];
  for (let bins = Math.min(levels, FIRST); bins <= counts.length; bins += STRIDE) {
    const divergence = divergenceAt(counts, bins, levels);
    if (divergence <= least) [best, least] = [bins, divergence];
  }
  return Number.isFinite(least) ? best : counts.length;
}

/** KL(P ‖ Q) with a threshold after `bins` bins. */
function divergenceAt(counts: Float64Array, bins: number, levels: number): number {
  let [inside, beyond] = [0, 0];
  for (let i = 0; i < bins; i++) inside += counts[i] as number;
  for (let i = bins; i < counts.length; i++) beyond += counts[i] as number;
  // A bin that held nothing has nothing in Q, either: P, which is something there, would diverge without end.
  if (inside === 0 || (beyond > 0 && counts[bins - 1] === 0)) return Number.POSITIVE_INFINITY;
  const total = inside + beyond;
  let divergence = 0;
  for (let first = 0, level = 0; first < bins; level++) {
    // The bins whose beginning lies in this level; where there are fewer bins than levels some levels have none.
    const end = Math.min(bins, Math.ceil(((level + 1) * bins) / levels));
    let [sum, filled] = [0, 0];
    for (let i = first; i < end; i++) {
      const count = counts[i] as number;
      sum += count;
      if (count !== 0) filled++;
    }
    const q = sum / filled / inside;
    for (let i = first; i < end; i++) {
      const p = ((counts[i] as number) + (i === bins - 1 ? beyond : 0)) / total;
      if (p > 0) divergence += p * Math.log(p / q);
    }
    first = end;
  }
  return divergence;
}
