import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { Random } from '../../base/index.ts';
import type { InputMoments } from '../input-moments.ts';
import { gram, type Matrix, matrix, multiply, transposed } from '../matrix.ts';
import { decompose } from './decompose.ts';
import { FACTORIZATION_KINDS, type Factorization, fullRanks } from './factorization.ts';
import { inputMetric } from './input-metric.ts';
import { type Kernel, kernelOf, unfoldedByOut, unfoldedBySpace } from './kernel.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

function randomKernel(dims: readonly [number, number, number, number], seed = 1): Kernel {
  const random = new Random(seed);
  return kernelOf(
    dims,
    Float64Array.from({ length: dims.reduce((a, b) => a * b) }, () => random.normal()),
  );
}

/** Of channels that go together, some of them weak. */
function randomMoments(size: number, seed = 2): Matrix {
  const random = new Random(seed);
  const factors = matrix(size, size);
  for (let i = 0; i < size; i++)
    for (let k = 0; k < size; k++) factors.data[i * size + k] = (3 * random.normal()) / (1 + i + k);
  return gram(factors);
}

/** The product of the parts of a 1 × 1 kernel. */
function product(kernel: Kernel, factorization: Factorization, moments?: InputMoments): Float64Array {
  const [first, last] = decompose(kernel, factorization, moments).map(unfoldedByOut);
  return multiply(last ?? matrix(0, 0), first ?? matrix(0, 0)).data;
}

/** tr(W C Wᵀ) */
function energy(weights: Float64Array, rows: number, moments: Matrix): number {
  const w = matrix(rows, moments.rows, weights);
  const responses = multiply(multiply(w, moments), transposed(w));
  return Array.from({ length: rows }, (_, i) => responses.data[i * rows + i] as number).reduce((a, b) => a + b);
}

describe('decompose() with the moments of the input', () => {
  it('keeps what answers most, not what weighs most', () => {
    const weights = kernelOf([2, 2, 1, 1], [1, 0, 0, 2]);
    const moments = { channels: matrix(2, 2, Float64Array.of(100, 0, 0, 1)) };
    expectClose(product(weights, { kind: 'svd', ranks: [1] }), [0, 0, 0, 2], 1e-12);
    expectClose(product(weights, { kind: 'svd', ranks: [1] }, moments), [1, 0, 0, 0], 1e-12);
  });

  it.each([1, 3, 7])('loses as little of the output as rank %s must: the tail of the spectrum of W C Wᵀ', (rank) => {
    const kernel = randomKernel([10, 12, 1, 1]);
    const given = { channels: randomMoments(12) };
    const moments = gram(inputMetric(given)?.channels ?? matrix(0, 0));
    const { values } = symmetricEigen(
      multiply(multiply(unfoldedByOut(kernel), moments), transposed(unfoldedByOut(kernel))),
    );
    const tail = values.slice(rank).reduce((a, b) => a + b);
    const lost = (by?: InputMoments) => {
      const near = product(kernel, { kind: 'svd', ranks: [rank] }, by);
      return energy(
        near.map((value, i) => value - (kernel.data[i] as number)),
        10,
        moments,
      );
    };
    expect(lost(given) / tail).toBeCloseTo(1, 8);
    expect(lost()).toBeGreaterThan(1.05 * tail);
  });

  it.each([
    ['svd', [2]],
    ['spatial', [3]],
  ] as const)('loses as little of the output over windows as it must: %s', (kind, ranks) => {
    const kernel = randomKernel([5, 4, 3, 3]);
    const given = { channels: randomMoments(4), vertical: randomMoments(3, 4), horizontal: randomMoments(3, 5) };
    const metric = inputMetric(given);
    // C of whole windows, [in · y · x] twice, and of what svd, or the spatial split, sees of the kernel.
    const [c, v, h] = [metric?.channels, metric?.vertical, metric?.horizontal].map((l) => gram(l as Matrix));
    const windows = kronecker(kronecker(c as Matrix, v as Matrix), h as Matrix);
    const lost = (moments?: InputMoments): number => {
      const near = whole(decompose(kernel, { kind, ranks }, moments));
      return energy(
        near.map((value, i) => value - (kernel.data[i] as number)),
        5,
        windows,
      );
    };
    // The singular values of the unfolded kernel between roots of C, taken as symmetric square roots: another way there.
    const root = (m: Matrix | undefined): Matrix => symmetricRoot(m as Matrix);
    const seen =
      kind === 'svd'
        ? multiply(unfoldedByOut(kernel), root(windows))
        : multiply(multiply(root(kronecker(c as Matrix, v as Matrix)), unfoldedBySpace(kernel)), byColumns(root(h), 5));
    const { values } = symmetricEigen(gram(seen));
    const tail = values.slice(ranks[0]).reduce((a, b) => a + Math.max(b, 0), 0);
    expect(lost(given) / tail).toBeCloseTo(1, 6);
    expect(lost({ channels: given.channels })).toBeGreaterThan(1.01 * tail);
  });

  it.each(FACTORIZATION_KINDS)('changes nothing at full rank: %s', (kind) => {
    const kernel = randomKernel([6, 8, 3, 3]);
    const ranks = fullRanks(kind, kernel);
    const moments = { channels: randomMoments(8), vertical: randomMoments(3, 4), horizontal: randomMoments(3, 5) };
    const [plain, fitted] = [undefined, moments].map((moments) => whole(decompose(kernel, { kind, ranks }, moments)));
    expectClose(fitted as Float64Array, [...(plain as Float64Array)], 1e-9);
    expectClose(fitted as Float64Array, [...kernel.data], 1e-9);
  });

  it.each([
    ['all zero', matrix(3, 3)],
    ['no numbers', matrix(3, 3, new Float64Array(9).fill(Number.NaN))],
  ])('counts weights where moments are %s', (_, channels) => {
    const kernel = randomKernel([4, 3, 1, 1]);
    const moments = { channels };
    const split = { kind: 'svd', ranks: [2] } as const;
    expect(product(kernel, split, moments)).toEqual(product(kernel, split));
  });
});

/** The kernel that the parts make together: their response to a 1 at each place of the window. */
function whole(parts: readonly Kernel[]): Float64Array {
  let [made] = parts as [Kernel, ...Kernel[]];
  for (const next of parts.slice(1)) made = chained(made, next);
  return made.data;
}

function chained(a: Kernel, b: Kernel): Kernel {
  const [height, width] = [a.height + b.height - 1, a.width + b.width - 1];
  const data = new Float64Array(b.out * a.in * height * width);
  for (let o = 0; o < b.out; o++)
    for (let m = 0; m < a.out; m++)
      for (let i = 0; i < a.in; i++)
        for (let p = 0; p < a.height * a.width; p++)
          for (let q = 0; q < b.height * b.width; q++) {
            const y = Math.floor(p / a.width) + Math.floor(q / b.width);
            const x = (p % a.width) + (q % b.width);
            const at = ((o * a.in + i) * height + y) * width + x;
            const one = a.data[(m * a.in + i) * a.height * a.width + p] as number;
            const other = b.data[(o * b.in + m) * b.height * b.width + q] as number;
            data[at] = (data[at] as number) + one * other;
          }
  return { out: b.out, in: a.in, height, width, data };
}

function kronecker(a: Matrix, b: Matrix): Matrix {
  const made = matrix(a.rows * b.rows, a.columns * b.columns);
  for (let i = 0; i < made.rows; i++)
    for (let j = 0; j < made.columns; j++)
      made.data[i * made.columns + j] =
        (a.data[Math.floor(i / b.rows) * a.columns + Math.floor(j / b.columns)] as number) *
        (b.data[(i % b.rows) * b.columns + (j % b.columns)] as number);
  return made;
}

/** Columns are [out, x]: the same for every output. */
function byColumns(horizontal: Matrix, out: number): Matrix {
  const identity = matrix(out, out);
  for (let i = 0; i < out; i++) identity.data[i * out + i] = 1;
  return kronecker(identity, horizontal);
}

function symmetricRoot(m: Matrix): Matrix {
  const { values, vectors } = symmetricEigen(m);
  const scaled = matrix(m.rows, m.rows, vectors.data.slice());
  for (let i = 0; i < m.rows; i++)
    for (let k = 0; k < m.rows; k++)
      scaled.data[i * m.rows + k] =
        (scaled.data[i * m.rows + k] as number) * Math.sqrt(Math.max(values[i] as number, 0));
  return multiply(transposed(vectors), scaled);
}
