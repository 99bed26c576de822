import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { shapeLabels } from './shape-labels.ts';

const SIZE = 40_000;

describe('shapeLabels() with a mix that shifts', () => {
  const labels = shapeLabels(SIZE, { classes: 10, newclass: 0, mix: 0.8 }, new Random(1), new Random(2));
  const share = (label: number, from: number, end: number) =>
    labels.subarray(from, end).filter((each) => each === label).length / (end - from);
  const expectShare = (found: number, p: number, n: number) =>
    expect(Math.abs(found - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / n));

  it.each([0, 4, 9])('class %i: (1 + mix t u) / 10, averaged over each half', (label) => {
    const u = (2 * label) / 9 - 1;
    expectShare(share(label, 0, SIZE / 2), (1 - 0.8 * 0.5 * u) / 10, SIZE / 2);
    expectShare(share(label, SIZE / 2, SIZE), (1 + 0.8 * 0.5 * u) / 10, SIZE / 2);
    expectShare(share(label, 0, SIZE), 0.1, SIZE);
  });
});
