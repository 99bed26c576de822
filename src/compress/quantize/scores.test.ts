import { expect, it } from 'vitest';
import { divergenceOf, top1Of } from './scores.ts';

const scores = (values: readonly number[], labels: readonly number[]) => ({
  scores: Float32Array.from(values),
  labels: Int32Array.from(labels),
  probabilities: false,
});

it('divergenceOf() is the mean KL of the softmax from that of the reference', () => {
  const reference = scores([5, 5, 1, 1], [0, 1]);
  const other = scores([Math.log(3), 0, 7, 7], [0, 1]);
  // ½·ln(½ / ¾) + ½·ln(½ / ¼) for the first image, 0 for the second.
  expect(divergenceOf(other, reference)).toBeCloseTo((0.5 * Math.log(4 / 3)) / 2, 6);
  expect(divergenceOf(reference, reference)).toBe(0);
});

it('divergenceOf() takes probabilities as they are', () => {
  const of = (values: readonly number[]) => ({ ...scores(values, [0]), probabilities: true });
  expect(divergenceOf(of([0.75, 0.25]), of([0.5, 0.5]))).toBeCloseTo(0.5 * Math.log(4 / 3), 6);
  // One side may be logits: a model whose Softmax was cut off.
  expect(divergenceOf(scores([Math.log(3), 0], [0]), of([0.5, 0.5]))).toBeCloseTo(0.5 * Math.log(4 / 3), 6);
  expect(divergenceOf(of([1, 0]), of([0.5, 0.5]))).toBeGreaterThan(10);
});

it('top1Of() counts the labels with the highest score, of many classes, too', () => {
  const many = scores(
    Array.from({ length: 300_000 }, (_, i) => i % 7),
    [6],
  );
  expect([top1Of(many), divergenceOf(many, many)]).toEqual([1, 0]);
  expect(top1Of(scores([1, 2, 3, 9, 8, 7, 0, 0, 1], [2, 1, 2]))).toBeCloseTo(2 / 3);
});
