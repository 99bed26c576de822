import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { decompose } from './decompose.ts';
import { FACTORIZATION_KINDS, type FactorizationKind, fullRanks } from './factorization.ts';
import { type Kernel, kernelOf } from './kernel.ts';
import { type KernelSpectrum, ranksWithin, spectraOf, variationalRanks } from './spectrum.ts';

function randomKernel(dims: readonly [number, number, number, number], seed = 1): Kernel {
  const random = new Random(seed);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return kernelOf(
    dims,
    Float64Array.from({ length: size }, () => random.normal()),
  );
}

/** What the parts do in a row, as one kernel, element by element from the definitions. */
function composed(parts: readonly Kernel[], kind: FactorizationKind, { out, in: channels, height, width }: Kernel) {
  const at = (k: Kernel, o: number, i: number, y = 0, x = 0): number =>
    k.data[((o * k.in + i) * k.height + y) * k.width + x] as number;
  const [first, second, third] = parts as [Kernel, Kernel, Kernel];
  const data: number[] = [];
  for (let o = 0; o < out; o++)
    for (let i = 0; i < channels; i++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          let sum = 0;
          for (let r = 0; r < first.out; r++) {
            if (kind === 'svd') sum += at(first, r, i, y, x) * at(second, o, r);
            else if (kind === 'spatial') sum += at(first, r, i, y) * at(second, o, r, 0, x);
            else for (let s = 0; s < second.out; s++) sum += at(third, o, s) * at(second, s, r, y, x) * at(first, r, i);
          }
          data.push(sum);
        }
  return data;
}

const spectrumOf = (kind: FactorizationKind, kernel: Kernel): KernelSpectrum =>
  spectraOf(kernel, [kind])[0] as KernelSpectrum;

function relativeError(kernel: Kernel, other: readonly number[]): number {
  const square = (values: Iterable<number>) => [...values].reduce((sum, value) => sum + value * value, 0);
  return square(kernel.data.map((value, i) => value - (other[i] as number))) / square(kernel.data);
}

describe('loss', () => {
  it('takes a matrix of more columns than a call can have arguments', () => {
    const kernel = randomKernel([2, 200_000, 1, 1]);
    const energy = kernel.data.reduce((sum, value) => sum + value * value, 0);
    const { spectra } = spectrumOf('svd', kernel);
    expect(spectra[0]?.sides).toEqual([2, 200_000]);
    // The sum of the squared singular values is that of the squared elements.
    expect(spectra[0]?.energies.reduce((sum, each) => sum + each, 0)).toBeCloseTo(energy, 3);
  });

  const kernel = randomKernel([9, 7, 3, 2]);

  it.each(FACTORIZATION_KINDS)('%s: nothing at full rank, all at none', (kind) => {
    const spectrum = spectrumOf(kind, kernel);
    expect(spectrum.loss(fullRanks(kind, kernel))).toBeCloseTo(0, 12);
    expect(spectrum.loss([0, 0])).toBeCloseTo(1, 12);
  });

  it.each([
    ['svd', [3]],
    ['svd', [8]],
    ['spatial', [5]],
  ] as const)('%s of ranks %j: just what the parts are off by', (kind, ranks) => {
    const parts = decompose(kernel, { kind, ranks });
    expect(relativeError(kernel, composed(parts, kind, kernel))).toBeCloseTo(spectrumOf(kind, kernel).loss(ranks), 10);
  });

  it.each([[[3, 4]], [[7, 2]], [[1, 9]]] as const)('tucker2 of ranks %j: just what the parts are off by', (ranks) => {
    const error = relativeError(kernel, composed(decompose(kernel, { kind: 'tucker2', ranks }), 'tucker2', kernel));
    const [tucker2, svd] = spectraOf(kernel, ['tucker2', 'svd']) as [KernelSpectrum, KernelSpectrum];
    expect(error).toBeCloseTo(tucker2.loss(ranks), 10);
    // No approximation has less than what either side alone must lose.
    expect(error).toBeGreaterThanOrEqual(svd.loss([ranks[1]]));
  });
});

describe('ranksWithin()', () => {
  it.each(FACTORIZATION_KINDS)('%s: loses no more than is allowed, and would with less', (kind) => {
    const kernel = randomKernel([8, 10, 3, 3], 2);
    const spectrum = spectrumOf(kind, kernel);
    for (const allowed of [0.01, 0.1, 0.5]) {
      const { ranks } = ranksWithin(spectrum, allowed);
      expect(spectrum.loss(ranks)).toBeLessThanOrEqual(allowed);
      if (kind !== 'tucker2') expect(spectrum.loss(ranks.map((rank) => rank - 1))).toBeGreaterThan(allowed);
    }
    expect(ranksWithin(spectrum, 0).ranks).toEqual(fullRanks(kind, kernel));
  });
});

describe('variationalRanks()', () => {
  it('finds the channels that a noisy kernel has, dead ones or not', () => {
    // 5 channels in and 6 out behind 40 and 48 of which some are dead, with noise on the others.
    const core = randomKernel([6, 5, 3, 3], 3);
    const [input, output] = [randomKernel([5, 40, 1, 1], 4), randomKernel([48, 6, 1, 1], 5)];
    const random = new Random(6);
    const clean = composed([input, core, output], 'tucker2', kernelOf([48, 40, 3, 3], []));
    const noisy = clean.map((value, k) => {
      const [o, i] = [Math.floor(k / 360), Math.floor(k / 9) % 40];
      return o < 4 || i < 3 ? 0 : value + 0.5 * random.normal();
    });
    expect(variationalRanks(spectrumOf('tucker2', kernelOf([48, 40, 3, 3], noisy))).ranks).toEqual([5, 6]);
  });
});
