/**
 * What each rank of each factorisation would keep of a kernel, so that ranks can be weighed before anything is split: the
 * singular values of the matrices that the kernel unfolds to. For Tucker-2 the kernel is turned into the bases of its
 * higher-order SVD, where the energies of the elements tell what every pair of ranks keeps.
 */
import { largest } from '../../base/index.ts';
import { gram, type Matrix, matrix, transposed } from '../matrix.ts';
import { evbmf } from './evbmf.ts';
import type { Factorization, FactorizationKind } from './factorization.ts';
import { type Kernel, unfoldedByIn, unfoldedByOut, unfoldedBySpace } from './kernel.ts';
import { symmetricEigen } from './symmetric-eigen.ts';
import { singularEnergies } from './truncated-svd.ts';
import { inBases } from './tucker2.ts';

/** Of one matrix that the kernel unfolds to. */
export interface Spectrum {
  /** Squares of the singular values, the largest first. */
  readonly energies: Float64Array;
  /** Rows and columns that are not all zero. */
  readonly sides: readonly [number, number];
}

export interface KernelSpectrum {
  readonly kind: FactorizationKind;
  /** One a rank: of Tucker-2 input, then output channels. */
  readonly spectra: readonly Spectrum[];
  /** The fraction of the kernel's energy, 0 to 1, that is lost at these ranks. */
  readonly loss: (ranks: readonly number[]) => number;
}

/** The spectra of these kinds; what two of them share is worked out once. */
export function spectraOf(kernel: Kernel, kinds: readonly FactorizationKind[]): readonly KernelSpectrum[] {
  const byOut = unfoldedByOut(kernel);
  if (!kinds.includes('tucker2')) return kinds.map((kind) => plainSpectrum(kind, kernel));
  const byIn = unfoldedByIn(kernel);
  const [input, output] = [symmetricEigen(gram(byIn)), symmetricEigen(gram(byOut))];
  const [inputs, outputs] = [spectrumFrom(input.values, byIn), spectrumFrom(output.values, byOut)];
  const core = inBases(kernel, input.vectors, output.vectors);
  const tucker2 = { kind: 'tucker2', spectra: [inputs, outputs], loss: lossOfCore(core) } as const;
  return kinds.map((kind) => {
    if (kind === 'tucker2') return tucker2;
    return kind === 'svd' ? { kind, spectra: [outputs], loss: tailOf(outputs) } : plainSpectrum(kind, kernel);
  });
}

function plainSpectrum(kind: FactorizationKind, kernel: Kernel): KernelSpectrum {
  const unfolded = kind === 'svd' ? unfoldedByOut(kernel) : unfoldedBySpace(kernel);
  const spectrum = spectrumFrom(singularEnergies(unfolded), unfolded);
  return { kind, spectra: [spectrum], loss: tailOf(spectrum) };
}

function tailOf({ energies }: Spectrum): KernelSpectrum['loss'] {
  const total = sum(energies);
  return ([rank = 0]) => part(sum(energies.subarray(rank)), total);
}

/** From a table of the energy in the first so many output and input channels of the kernel in its bases. */
function lossOfCore({ out, in: channels, height, width, data }: Kernel): KernelSpectrum['loss'] {
  const area = height * width;
  const table = matrix(out + 1, channels + 1);
  for (let o = 0; o < out; o++) {
    let row = 0;
    for (let i = 0; i < channels; i++) {
      const from = (o * channels + i) * area;
      for (let k = from; k < from + area; k++) row += (data[k] as number) ** 2;
      const at = o * table.columns + i + 1;
      table.data[at + table.columns] = (table.data[at] as number) + row;
    }
  }
  const total = table.data.at(-1) as number;
  return ([input = 0, output = 0]) => part(total - (table.data[output * table.columns + input] as number), total);
}

/** The lowest ranks by which at most `loss` (0 to 1) of the energy is lost; of Tucker-2, half of it on each side. */
export function ranksWithin({ kind, spectra }: KernelSpectrum, loss: number): Factorization {
  const each = loss / spectra.length;
  const ranks = spectra.map(({ energies }) => {
    const allowed = each * sum(energies);
    let rank = energies.length;
    for (let lost = 0; rank > 1; rank--) {
      lost += energies[rank - 1] as number;
      if (lost > allowed) break;
    }
    return rank;
  });
  return { kind, ranks };
}

/** Ranks by EVBMF of each unfolding, at least 1. */
export function variationalRanks({ kind, spectra }: KernelSpectrum): Factorization {
  const ranks = spectra.map(({ energies, sides }) => Math.max(1, evbmf(energies, sides).rank));
  return { kind, ranks };
}

function spectrumFrom(values: Float64Array, a: Matrix): Spectrum {
  const sides = [liveRows(a), liveRows(transposed(a))] as const;
  // Beyond the live rows there is only rounding.
  const energies = values
    .slice(0, Math.min(a.rows, a.columns))
    .map((energy, i) => (i < Math.min(...sides) ? Math.max(0, energy) : 0));
  return { energies, sides };
}

/** Rows that hold more than rounding: those of dead channels would pass for a matrix without noise. */
function liveRows({ rows, columns, data }: Matrix): number {
  const energies = Array.from({ length: rows }, (_, r) =>
    data.subarray(r * columns, (r + 1) * columns).reduce((total, value) => total + value * value, 0),
  );
  const most = largest(energies);
  return energies.filter((energy) => energy > 1e-12 * most).length;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Of an all-zero kernel every rank keeps everything. */
function part(energy: number, total: number): number {
  return total > 0 ? Math.max(0, energy / total) : 0;
}
