import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { gram, matrix, multiply, transposed } from '../matrix.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

function randomMatrix(rows: number, columns: number, seed: number) {
  const random = new Random(seed);
  return matrix(
    rows,
    columns,
    Float64Array.from({ length: rows * columns }, () => random.normal()),
  );
}

function farthest(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

describe('symmetricEigen()', () => {
  it('finds the eigenvalues of the second difference, 2 − 2·cos(kπ / (n + 1))', () => {
    const n = 40;
    const a = matrix(n, n);
    for (let i = 0; i < n; i++) {
      a.data[i * n + i] = 2;
      if (i > 0) a.data[i * n + i - 1] = a.data[(i - 1) * n + i] = -1;
    }
    const expected = Float64Array.from({ length: n }, (_, k) => 2 - 2 * Math.cos(((n - k) * Math.PI) / (n + 1)));
    expect(farthest(symmetricEigen(a).values, expected)).toBeLessThan(1e-13);
  });

  it.each([1, 2, 3, 17, 96])('gives orthonormal vectors that put a matrix of %i rows together again', (n) => {
    const a = gram(randomMatrix(n, n + 3, n));
    const { values, vectors } = symmetricEigen(a);
    const identity = Float64Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
    expect(farthest(gram(vectors).data, identity)).toBeLessThan(1e-12);
    const scaled = matrix(
      n,
      n,
      Float64Array.from(vectors.data, (v, i) => v * (values[Math.floor(i / n)] as number)),
    );
    expect(farthest(multiply(transposed(vectors), scaled).data, a.data)).toBeLessThan(1e-11 * n);
    expect([...values]).toEqual([...values].sort((x, y) => y - x));
  });

  it('stays orthonormal where eigenvalues are the same or nothing', () => {
    const low = randomMatrix(60, 5, 3);
    const { values, vectors } = symmetricEigen(gram(low));
    expect(values.filter((value) => value > 1e-10)).toHaveLength(5);
    expect(gram(vectors).data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(60, 9);
    expect([...symmetricEigen(matrix(3, 3)).values]).toEqual([0, 0, 0]);
  });

  it('gives the leading vectors alone, and no vectors for 0', () => {
    const a = gram(randomMatrix(30, 40, 5));
    const all = symmetricEigen(a);
    expect(symmetricEigen(a, 7).vectors.data).toEqual(all.vectors.data.slice(0, 7 * 30));
    expect(farthest(symmetricEigen(a, 0).values, all.values)).toBeLessThan(1e-11);
    expect(symmetricEigen(a, 0).vectors.rows).toBe(0);
  });
});
