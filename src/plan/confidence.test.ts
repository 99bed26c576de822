import { describe, expect, it } from 'vitest';
import { argmax, confidenceOf, probabilitiesOf } from './confidence.ts';

// softmax([1, 2, 3]) as SciPy gives it.
const SOFTMAX_123 = [0.09003057, 0.24472847, 0.66524096];

describe('confidenceOf()', () => {
  it('is the largest softmax probability of its row', () => {
    const scores = Float32Array.from([9, 9, 9, 1, 2, 3]);
    expect(confidenceOf(scores, 3, 3, 'logits')).toBeCloseTo(0.66524096, 7);
    expect(confidenceOf(scores, 0, 3, 'logits')).toBeCloseTo(1 / 3, 7);
  });

  it('does not overflow', () => {
    expect(confidenceOf(Float32Array.from([1e30, 0]), 0, 2, 'logits')).toBe(1);
  });

  it('takes probabilities as they are', () => {
    expect(confidenceOf(Float32Array.from([0.25, 0.75]), 0, 2, 'probabilities')).toBe(0.75);
  });

  it('is NaN where a score is', () => {
    expect(confidenceOf(Float32Array.from([0.9, Number.NaN]), 0, 2, 'probabilities')).toBeNaN();
    expect(confidenceOf(Float32Array.from([Number.NaN, 5]), 0, 2, 'logits')).toBeNaN();
  });
});

describe('probabilitiesOf()', () => {
  it('is the softmax of logits', () => {
    const row = probabilitiesOf(Float32Array.from([1, 2, 3]), 0, 3, 'logits');
    for (const [i, value] of SOFTMAX_123.entries()) expect(row[i]).toBeCloseTo(value, 6);
  });
});

describe('argmax()', () => {
  it('is the first of equals, relative to the start', () => {
    expect(argmax([9, 1, 4, 4], 1, 3)).toBe(1);
  });
});
