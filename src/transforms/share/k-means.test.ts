import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { kMeans } from './k-means.ts';

/** Lloyd's algorithm as every textbook has it: each value looks at each centroid. */
function textbook(values: readonly number[], k: number): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  let centroids = Array.from({ length: k }, (_, i) => low + ((high - low) * i) / (k - 1));
  for (let iteration = 0; iteration < 500; iteration++) {
    const clusters = centroids.map((): number[] => []);
    for (const value of values) {
      const distances = centroids.map((centroid) => Math.abs(value - centroid));
      clusters[distances.indexOf(Math.min(...distances))]?.push(value);
    }
    const filled = clusters.filter((cluster) => cluster.length > 0);
    centroids = filled.map((cluster) => cluster.reduce((a, b) => a + b) / cluster.length);
  }
  return centroids;
}

describe('kMeans()', () => {
  it("finds the clusters of the paper's figure 3", () => {
    const weights = [
      [2.09, -0.98, 1.48, 0.09],
      [0.05, -0.14, -1.08, 2.12],
      [-0.91, 1.92, 0, -1.03],
      [1.87, 0, 1.53, 1.49],
    ].flat();
    const { centroids, nearest } = kMeans(Float32Array.from(weights), 4);
    expect([...centroids].map((value) => Math.round(value * 1e6) / 1e6 + 0)).toEqual([-1, 0, 1.5, 2]);
    expect([...nearest]).toEqual([3, 0, 2, 1, 1, 1, 0, 3, 0, 3, 1, 0, 3, 1, 2, 2]);
  });

  it('comes to the centroids of the textbook algorithm', () => {
    const random = new Random(6);
    for (let round = 0; round < 30; round++) {
      const values = Float32Array.from({ length: 20 + random.integer(300) }, () => random.normal() ** 3);
      const k = 2 + random.integer(14);
      const expected = textbook([...values], k);
      const { centroids, nearest } = kMeans(values, k);
      expect(centroids.length).toBe(expected.length);
      for (const [i, centroid] of centroids.entries()) expect(centroid).toBeCloseTo(expected[i] as number, 5);
      for (const [i, value] of values.entries()) {
        const own = Math.abs(value - (centroids[nearest[i] as number] as number));
        for (const centroid of centroids) expect(own).toBeLessThanOrEqual(Math.abs(value - centroid) + 1e-6);
      }
    }
  });

  it('gives back values that are no more than k', () => {
    const values = Float32Array.of(-4, 7, 1, 7, -4, 1, 1);
    const { centroids, nearest } = kMeans(values, 12);
    expect([...nearest].map((j) => centroids[j])).toEqual([...values]);
    expect([...kMeans(Float32Array.of(3, 3), 8).centroids]).toEqual([3]);
    expect(kMeans(new Float32Array(), 8)).toEqual({ centroids: new Float32Array(), nearest: new Uint16Array() });
    expect([...kMeans(Float32Array.of(1, 2, 6), 1).centroids]).toEqual([3]);
  });
});
