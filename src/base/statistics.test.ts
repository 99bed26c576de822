import { expect, it } from 'vitest';
import { largest, mean, median, quantile } from './statistics.ts';

it('quantile() interpolates as NumPy does', () => {
  // numpy.quantile([1, 2, 3, 4], [0.1, 0.5, 0.99]) = [1.3, 2.5, 3.97]
  expect(quantile([4, 1, 3, 2], 0.1)).toBeCloseTo(1.3, 12);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(quantile([4, 1, 3, 2], 0.99)).toBeCloseTo(3.97, 12);
  expect(quantile([], 0.5)).toBeNaN();
  expect(quantile([5], 0.9)).toBe(5);
});

it('largest() of more numbers than a call can have arguments', () => {
  const values = Float32Array.from({ length: 300_000 }, (_, i) => (i === 200_000 ? 7 : -i));
  expect(largest(values)).toBe(7);
  expect(largest([1, Number.NaN, 2])).toBeNaN();
  expect(largest([])).toBe(Number.NEGATIVE_INFINITY);
});

it('mean() of numbers', () => {
  expect(mean([1, 2, 6])).toBe(3);
});
