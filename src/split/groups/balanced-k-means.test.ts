import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { balancedKMeans, scatterOf } from './balanced-k-means.ts';

/** The least scatter of all ways to part `count` points into clusters whose sizes differ by at most one. */
function leastScatter(points: readonly Float64Array[], clusters: number): number {
  const most = Math.ceil(points.length / clusters);
  const over = points.length % clusters || clusters;
  let least = Number.POSITIVE_INFINITY;
  const place = (point: number, parts: readonly (readonly number[])[]): void => {
    if (point === points.length) {
      const full = parts.filter(({ length }) => length === most).length;
      if (full === over && parts.every(({ length }) => length >= most - 1))
        least = Math.min(least, scatterOf(points, parts));
      return;
    }
    for (const [c, part] of parts.entries()) {
      if (part.length === most) continue;
      place(
        point + 1,
        parts.map((each, i) => (i === c ? [...each, point] : each)),
      );
      // Empty clusters are all alike.
      if (part.length === 0) return;
    }
  };
  place(
    0,
    Array.from({ length: clusters }, () => []),
  );
  return least;
}

const cloud = (random: Random, count: number, size: number): Float64Array[] =>
  Array.from({ length: count }, () => Float64Array.from({ length: size }, () => random.normal()));

describe('balancedKMeans()', () => {
  it.each([
    [6, 2],
    [8, 2],
    [9, 3],
    [7, 3],
    [8, 3],
    [10, 4],
    [5, 5],
    [4, 1],
  ])('finds the best of all partitions of %i points into %i clusters', (count, clusters) => {
    for (let seed = 0; seed < 6; seed++) {
      const points = cloud(new Random(100 * count + seed), count, 3);
      const found = balancedKMeans(points, clusters, { seed });
      const sizes = found.map(({ length }) => length);
      expect(found.flat().sort((a, b) => a - b)).toEqual([...points.keys()]);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBe(count % clusters === 0 ? 0 : 1);
      expect(scatterOf(points, found)).toBeCloseTo(leastScatter(points, clusters), 10);
    }
  });

  it('keeps together what is near, however it is ordered', () => {
    const points = [0, 10, 0.1, 10.1, 20, 20.1].map((x) => Float64Array.of(x));
    expect(balancedKMeans(points, 3)).toEqual([
      [0, 2],
      [1, 3],
      [4, 5],
    ]);
  });

  it('takes points that are all the same', () => {
    const points = Array.from({ length: 5 }, () => Float64Array.of(1, 2));
    expect(
      balancedKMeans(points, 2)
        .map(({ length }) => length)
        .sort(),
    ).toEqual([2, 3]);
  });

  it('refuses more clusters than points', () => {
    expect(() => balancedKMeans([Float64Array.of(1)], 2)).toThrow('expected from 1 to 1 of them, received 2');
  });
});
