import { expect, it } from 'vitest';
import { divergenceOf, top1Of } from './scores.ts';

const scores = (values: readonly number[], labels: readonly number[]) => ({
  scores: Float32Array.from(values),
  labels: Int32Array.from(labels),
});

it('divergenceOf() is the mean KL of the softmax from that of the reference', () => {
  const reference = scores([5, 5, 1, 1], [0, 1]);
  const other = scores([Math.log(3), 0, 7, 7], [0, 1]);
  // ½·ln(½ / ¾) + ½·ln(½ / ¼) for the first image, 0 for the second.
  expect(divergenceOf(other, reference)).toBeCloseTo((0.5 * Math.log(4 / 3)) / 2, 6);
  expect(divergenceOf(reference, reference)).toBe(0);
});

it('top1Of() counts the labels with the highest score', () => {
  expect(top1Of(scores([1, 2, 3, 9, 8, 7, 0, 0, 1], [2, 1, 2]))).toBeCloseTo(2 / 3);
});
