/**
 * Which weights stay when a share of all of them goes. In each layer the largest stay; how many that are is decided over all
 * layers together, by a score that grows with a weight's magnitude.
 */
import { SkeinError } from '../../base/index.ts';

/**
 * - `deviation`: magnitude in standard deviations of the layer's weights (Han et al. 2015: one factor for all layers).
 * - `magnitude`: the magnitude itself.
 * - `lamp`: w² over the sum of v² of all |v| ≥ |w| of the layer (Lee et al. 2021), which no layer can lose all of.
 * - `uniform`: the same share of every layer.
 */
export const CRITERIA = ['deviation', 'magnitude', 'lamp', 'uniform'] as const;
export type Criterion = (typeof CRITERIA)[number];

/**
 * A mask for each layer, 1 where the weight stays. The share of zeros over all layers is `sparsity`, rounded up to whole
 * weights, but every layer keeps one. What is zero already goes first, so masks of rising sparsities lie inside each other.
 * @param layers their weights @param sparsity of 0 to below 1
 */
export function magnitudeMasks(
  layers: readonly Float32Array[],
  sparsity: number,
  criterion: Criterion,
): Uint8Array<ArrayBuffer>[] {
  if (!(sparsity >= 0 && sparsity < 1)) {
    throw new SkeinError('invalid-argument', `Sparsity must be from 0 to below 1, received ${sparsity}`);
  }
  const sorted = layers.map((weights) => weights.map(Math.abs).sort());
  const kept = keptCounts(sorted, sparsity, criterion);
  return layers.map((weights, i) => largest(weights, sorted[i] as Float32Array, Math.max(1, kept[i] as number)));
}

/** How many of each layer stay. @param sorted magnitudes of each layer, rising */
function keptCounts(sorted: readonly Float32Array[], sparsity: number, criterion: Criterion): number[] {
  if (criterion === 'uniform') return sorted.map(({ length }) => length - Math.ceil(length * sparsity));
  const scores = sorted.map((magnitudes) => scoresOf(magnitudes, criterion));
  const total = scores.reduce((sum, { length }) => sum + length, 0);
  const removed = Math.ceil(total * sparsity);
  const threshold = removed === 0 ? -1 : smallest(scores, removed);
  // Of those at the threshold some may stay.
  let ties = countTo(scores, threshold) - removed;
  return scores.map((each) => {
    const above = each.length - lowerBound(each, threshold, true);
    const equal = Math.min(ties, each.length - above - lowerBound(each, threshold, false));
    ties -= equal;
    return above + equal;
  });
}

/** How many scores are not above `value`. */
function countTo(scores: readonly Float32Array[], value: number): number {
  return scores.reduce((sum, each) => sum + lowerBound(each, value, true), 0);
}

/** The score that is the `rank`-th from below, of lists that rise: floats of no sign are ordered as their bits are. */
function smallest(scores: readonly Float32Array[], rank: number): number {
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  let [low, high] = [0, INFINITY_BITS];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    bits[0] = middle;
    if (countTo(scores, float[0] as number) >= rank) high = middle;
    else low = middle + 1;
  }
  bits[0] = low;
  return float[0] as number;
}

const INFINITY_BITS = 0x7f800000;

/** Rising, as the magnitudes are. */
function scoresOf(magnitudes: Float32Array, criterion: Exclude<Criterion, 'uniform'>): Float32Array {
  if (criterion === 'magnitude') return magnitudes;
  if (criterion === 'deviation') {
    // Weights scatter around zero; those that are gone say nothing of the others.
    let [squares, count] = [0, 0];
    for (const value of magnitudes) {
      squares += value * value;
      if (value > 0) count++;
    }
    const deviation = Math.sqrt(squares / Math.max(count, 1)) || 1;
    return magnitudes.map((value) => value / deviation);
  }
  const scores = new Float32Array(magnitudes.length);
  let squares = 0;
  for (let i = magnitudes.length - 1; i >= 0; i--) {
    const square = (magnitudes[i] as number) ** 2;
    squares += square;
    scores[i] = squares === 0 ? 0 : square / squares;
  }
  return scores;
}

/** The first place whose value is not below `value`, or with `after` the first above it. */
function lowerBound(sorted: Float32Array, value: number, after: boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = sorted[middle] as number;
    if (found < value || (after && found === value)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** 1 for the `count` largest by magnitude, of equal ones the first. */
function largest(weights: Float32Array, sorted: Float32Array, count: number): Uint8Array<ArrayBuffer> {
  const threshold = sorted[sorted.length - count] as number;
  let ties = count - (sorted.length - lowerBound(sorted, threshold, true));
  const mask = new Uint8Array(weights.length);
  for (let i = 0; i < weights.length; i++) {
    const magnitude = Math.abs(weights[i] as number);
    if (magnitude > threshold || (magnitude === threshold && ties-- > 0)) mask[i] = 1;
  }
  return mask;
}
