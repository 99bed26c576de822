import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { matrix, multiply } from '../matrix.ts';
import { evbmf, thresholdOf } from './evbmf.ts';
import { singularEnergies } from './truncated-svd.ts';

/** A matrix of `rank` equally strong orthogonal-ish directions of the given singular value, with noise. */
function noisy(rows: number, columns: number, rank: number, strength: number, sigma: number, seed: number) {
  const random = new Random(seed);
  const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
  // Columns of normal numbers have length √rows: the product has singular values near `strength`.
  const left = matrix(rows, rank, normals(rows * rank));
  const right = matrix(rank, columns, normals(rank * columns));
  const { data } = multiply(left, right);
  const scale = strength / Math.sqrt(rows * columns);
  return matrix(
    rows,
    columns,
    data.map((value) => value * scale + sigma * random.normal()),
  );
}

/** Singular values of noise: quantiles of the law of Marčenko and Pastur. */
function noiseSpectrum(short: number, long: number, sigma: number): number[] {
  const alpha = short / long;
  const [low, high] = [(1 - Math.sqrt(alpha)) ** 2, (1 + Math.sqrt(alpha)) ** 2];
  const steps = 200_000;
  const at = (i: number): number => low + ((high - low) * i) / steps;
  const sums = new Float64Array(steps);
  for (let i = 1; i < steps; i++) {
    sums[i] = (sums[i - 1] as number) + Math.sqrt((high - at(i)) * (at(i) - low)) / at(i);
  }
  const all = sums.at(-1) as number;
  return Array.from({ length: short }, (_, k) => {
    const i = sums.findIndex((sum) => sum >= ((short - k - 0.5) / short) * all);
    return sigma * Math.sqrt(long * at(i));
  });
}

describe('thresholdOf()', () => {
  it('has τ̲ = 2.5129 at α = 1, and near 2.5129·√α below (Nakajima et al. 2012)', () => {
    expect(thresholdOf(1)).toBeCloseTo((1 + 2.5129) * (1 + 1 / 2.5129), 3);
    for (const alpha of [0.1, 0.3, 0.7]) {
      const tau = 2.5129 * Math.sqrt(alpha);
      expect(Math.abs(thresholdOf(alpha) / ((1 + tau) * (1 + alpha / tau)) - 1)).toBeLessThan(0.02);
    }
  });

  it('lies above what noise alone reaches, (1 + √α)² (Marčenko and Pastur)', () => {
    for (const alpha of [0.05, 0.25, 0.5, 1]) expect(thresholdOf(alpha)).toBeGreaterThan((1 + Math.sqrt(alpha)) ** 2);
  });
});

describe('evbmf()', () => {
  it('with known noise keeps the singular values above √(M·σ²·(1 + τ̲)(1 + α/τ̲))', () => {
    // L = M = 100, σ = 1, α = 1: τ̲ = 2.5129, so the bound is √(100 · 3.5129 · 1.39795) = 22.16.
    const singular = [60, 30, 22.3, 22.0, 19, ...Array.from({ length: 95 }, (_, i) => 18 - i / 10)];
    const energies = singular.map((value) => value * value);
    expect(evbmf(energies, [100, 100], 1).rank).toBe(3);
    expect(evbmf(energies, [100, 100], 1.1).rank).toBe(2);
    expect(evbmf(energies, [100, 100], 10).rank).toBe(0);
  });

  it.each([
    [60, 200, 7, 0.1],
    [200, 60, 12, 0.02],
    [128, 128, 20, 0.5],
    [96, 864, 1, 1],
  ])('finds rank and noise of a %i × %i matrix of rank %i with noise %f', (rows, columns, rank, sigma) => {
    for (const seed of [1, 2, 3]) {
      const strength = 3 * sigma * (Math.sqrt(rows) + Math.sqrt(columns));
      const energies = singularEnergies(noisy(rows, columns, rank, strength, sigma, seed));
      const found = evbmf(energies, [rows, columns]);
      expect(found.rank).toBe(rank);
      expect(Math.sqrt(found.noiseVariance) / sigma).toBeGreaterThan(0.9);
      expect(Math.sqrt(found.noiseVariance) / sigma).toBeLessThan(1.05);
      // What the closed form says with the true noise.
      expect(evbmf(energies, [rows, columns], sigma ** 2).rank).toBe(rank);
    }
  });

  // Ranks and variances of EVBMF of github.com/CasvandenBogaard/VBMF, which minimises the free energy with SciPy.
  it.each([
    [40, 100, 1, [6, 3, 2, 1.5, 1.2, 1.05, 1], 5, 0.94315],
    [64, 64, 0.1, [10, 4, 2, 1.3, 1.1, 1.02], 4, 0.00959914],
    [30, 300, 2, [1.2, 1.2, 1.2, 1.2, 1.2, 1.2], 6, 3.68244],
    [100, 160, 1, [20, 10, 5, 3, 2, 1.6, 1.4, 1.3, 1.2, 1.15, 1.1, 1.05], 11, 0.900865],
    [50, 50, 1, new Array<number>(20).fill(1.1), 0, 1.96709],
  ])(
    'is where another implementation is: %i × %i with noise %f and signals %j times its edge',
    (short, long, sigma, signals, rank, variance) => {
      const noise = noiseSpectrum(short, long, sigma);
      const edge = noise[0] as number;
      const singular = [...signals.map((times) => times * edge), ...noise.slice(signals.length)].sort((a, b) => b - a);
      const energies = singular.map((value) => value * value);
      const found = evbmf(energies, [long, short]);
      expect(found.rank).toBe(rank);
      expect(Math.abs(found.noiseVariance / variance - 1)).toBeLessThan(1e-3);
    },
  );

  it('finds nothing in noise, whatever its scale', () => {
    for (const sigma of [1e-6, 1, 1e6]) {
      expect(evbmf(singularEnergies(noisy(64, 256, 1, 0, sigma, 9)), [64, 256]).rank).toBe(0);
    }
  });

  it('takes a matrix without noise at its rank', () => {
    const energies = singularEnergies(noisy(50, 80, 6, 10, 0, 4));
    expect(evbmf(energies, [50, 80])).toEqual({ rank: 6, noiseVariance: 0 });
    expect(evbmf(new Float64Array(8), [8, 9])).toEqual({ rank: 0, noiseVariance: 0 });
  });
});
