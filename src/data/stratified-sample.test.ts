import { expect, it } from 'vitest';
import { stratifiedSample } from './stratified-sample.ts';

/** 60 of class 0, 30 of class 1, 10 of class 2, one class after another. */
const labels = Int32Array.from({ length: 100 }, (_, i) => (i < 60 ? 0 : i < 90 ? 1 : 2));

function counts(sample: Uint32Array): number[] {
  const result = [0, 0, 0];
  for (const index of sample) result[labels[index] as number] = (result[labels[index] as number] ?? 0) + 1;
  return result;
}

it('stratifiedSample() gives each class its share', () => {
  expect(counts(stratifiedSample(labels, 50, 1))).toEqual([30, 15, 5]);
  expect(counts(stratifiedSample(labels, 100, 1))).toEqual([60, 30, 10]);
  // 4.2, 2.1 and 0.7 images: the whole parts, and the one left over to the largest remainder.
  expect(counts(stratifiedSample(labels, 7, 1))).toEqual([4, 2, 1]);
});

it('stratifiedSample() takes no image twice, repeats itself, and follows the seed', () => {
  const sample = stratifiedSample(labels, 50, 1);
  expect(new Set(sample).size).toBe(50);
  expect(stratifiedSample(labels, 50, 1)).toEqual(sample);
  expect(stratifiedSample(labels, 50, 2)).not.toEqual(sample);
});

it('stratifiedSample() mixes the classes', () => {
  const firstHalf = counts(stratifiedSample(labels, 100, 5).subarray(0, 50));
  // Drawn without replacement, the standard deviation of each count is below 2.5.
  expect(Math.abs((firstHalf[0] as number) - 30)).toBeLessThan(12);
});
