import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { CRITERIA, magnitudeMasks } from './magnitude-masks.ts';

const masks = (...of: Parameters<typeof magnitudeMasks>) => magnitudeMasks(...of).map((mask) => [...mask]);
const random = new Random(9);
const layer = (size: number, scale: number) => Float32Array.from({ length: size }, () => scale * random.normal());

describe('magnitudeMasks()', () => {
  const small = Float32Array.of(0.1, -0.2, 0.3, 0.4);
  const large = Float32Array.of(1, -2, 3, 4);

  it('by magnitude removes the smallest, wherever they are', () => {
    expect(masks([Float32Array.of(0.1, 5, 0.3), Float32Array.of(1, -0.2, -4)], 0.5, 'magnitude')).toEqual([
      [0, 1, 0],
      [1, 0, 1],
    ]);
  });

  it('by deviation treats layers of different scales alike', () => {
    const expected = [0, 0, 1, 1];
    expect(masks([small, large], 0.5, 'deviation')).toEqual([expected, expected]);
    expect(masks([small, large], 0.5, 'uniform')).toEqual([expected, expected]);
  });

  it('by lamp scores as the paper: w² over the squares that are not smaller', () => {
    // Layer one: 1/30, 4/29, 9/25, 1; layer two: 1/3, 1/2, 1. The three lowest of seven go.
    const flat = Float32Array.of(5, 5, 5);
    expect(masks([large, flat], 3 / 7, 'lamp')).toEqual([[0, 0, 1, 1], [1, 1, 0].map((_, i) => (i < 2 ? 1 : 0))]);
  });

  it.each(CRITERIA)('by %s removes exactly that share, and less is more at every place', (criterion) => {
    const layers = [layer(1000, 0.1), layer(50, 1), layer(3000, 0.02)];
    let before = layers.map(({ length }) => new Uint8Array(length).fill(1));
    for (const sparsity of [0, 0.3, 0.5, 0.9, 0.99]) {
      const now = magnitudeMasks(layers, sparsity, criterion);
      const kept = now.flatMap((mask) => [...mask]).filter((bit) => bit === 1).length;
      // By whole weights; each layer of its own where the share is uniform, and one weight of each stays.
      expect(Math.abs(kept - 4050 * (1 - sparsity))).toBeLessThanOrEqual(3);
      for (const [i, mask] of now.entries()) expect(mask.every((bit, j) => bit <= (before[i]?.[j] ?? 0))).toBe(true);
      before = now;
    }
  });

  it('takes what is zero already first, and of equal weights as many as are asked for', () => {
    expect(masks([Float32Array.of(0, 2, 0, 1)], 0.5, 'magnitude')).toEqual([[0, 1, 0, 1]]);
    expect(masks([Float32Array.of(1, 1, 1, 1)], 0.5, 'magnitude')).toEqual([[1, 1, 0, 0]]);
    expect(masks([new Float32Array(4)], 0.5, 'deviation')[0]?.filter((bit) => bit === 1).length).toBe(2);
  });

  it('leaves every layer a weight', () => {
    const tiny = Float32Array.of(1e-9, 2e-9);
    expect(masks([tiny, layer(1000, 1)], 0.9, 'magnitude')[0]).toEqual([0, 1]);
  });

  it.each([-0.1, 1, Number.NaN])('refuses the sparsity %s', (sparsity) => {
    expect(() => magnitudeMasks([small], sparsity, 'magnitude')).toThrow(/from 0 to below 1/);
  });
});
