/** Statistics that evaluation, batching and benchmarks share. */

/**
 * The `fraction`-quantile of unsorted numbers, linear between neighbours (type 7 of Hyndman and Fan 1996, NumPy's
 * default). NaN where there are no numbers.
 */
export function quantile(values: ArrayLike<number>, fraction: number): number {
  const sorted = Float64Array.from(values).sort();
  return quantileOfSorted(sorted, fraction);
}

/** {@link quantile} of numbers already in ascending order. */
export function quantileOfSorted(sorted: ArrayLike<number>, fraction: number): number {
  if (sorted.length === 0) return Number.NaN;
  const position = Math.min(Math.max(fraction, 0), 1) * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (position - below);
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/** As Math.max has it, NaN among NaN and −∞ of none, for more numbers than a call can have arguments. */
export function largest(values: ArrayLike<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) most = Math.max(most, values[i] as number);
  return most;
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
}
