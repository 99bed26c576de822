import { describe, expect, it } from 'vitest';
import { Random, seedOf } from './random.ts';

describe('Random', () => {
  it('gives the same stream for the same seed and another for another', () => {
    const draw = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 8 }, () => random.uint32());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(draw(2 ** 40 + 7)).not.toEqual(draw(7));
  });

  it('normal() has mean 0 and variance 1', () => {
    const random = new Random(1);
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length;
    // Five standard errors of each estimate.
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(values.length));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / values.length));
  });

  it('shuffle() keeps every item', () => {
    const items = new Random(3).shuffle(Array.from({ length: 100 }, (_, i) => i));
    expect(items).not.toEqual([...items].sort((a, b) => a - b));
    expect([...items].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});

// mmh3.hash(struct.pack('<3q', 1, 2, 3), 0, signed=False) and so on, of the Python package mmh3.
it.each([
  [[0], 1669671676],
  [[1, 2, 3], 836306054],
  [[3, 2, 1], 2918068761],
  [[2 ** 40 + 7, -1], 809252808],
])('seedOf(%j) is the MurmurHash3 of the keys', (keys, expected) => {
  expect(seedOf(...keys)).toBe(expected);
});
