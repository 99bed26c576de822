/**
 * What each rank of each factorisation would keep of a kernel, so that ranks can be weighed before anything is split: the
 * singular values of the matrices that the kernel unfolds to. Of Tucker-2 it is the bound of the higher-order SVD, the sum
 * of what is cut off on both sides (De Lathauwer et al. 2000), which is close as long as that is little.
 */
import { evbmf } from './evbmf.ts';
import type { Factorization, FactorizationKind } from './factorization.ts';
import { type Kernel, unfoldedByIn, unfoldedByOut, unfoldedBySpace } from './kernel.ts';
import { type Matrix, transposed } from './matrix.ts';
import { singularEnergies } from './truncated-svd.ts';

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
}

/** The spectra of these kinds; what two of them share is worked out once. */
export function spectraOf(kernel: Kernel, kinds: readonly FactorizationKind[]): readonly KernelSpectrum[] {
  let known: Spectrum | undefined;
  const byOut = (): Spectrum => {
    known ??= spectrumOf(unfoldedByOut(kernel));
    return known;
  };
  const of: Readonly<Record<FactorizationKind, () => readonly Spectrum[]>> = {
    svd: () => [byOut()],
    tucker2: () => [spectrumOf(unfoldedByIn(kernel)), byOut()],
    spatial: () => [spectrumOf(unfoldedBySpace(kernel))],
  };
  return kinds.map((kind) => ({ kind, spectra: of[kind]() }));
}

/** The fraction of the kernel's energy, 0 to 1, that is lost at these ranks, at most. */
export function lossOf({ spectra }: KernelSpectrum, ranks: readonly number[]): number {
  const lost = spectra.map(({ energies }, i) => {
    const total = sum(energies);
    // Of an all-zero kernel every rank keeps everything.
    return total > 0 ? sum(energies.subarray(ranks[i])) / total : 0;
  });
  return Math.min(1, sum(lost));
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

function spectrumOf(a: Matrix): Spectrum {
  const sides = [liveRows(a), liveRows(transposed(a))] as const;
  // Beyond the live rows there is only rounding.
  const energies = singularEnergies(a).map((energy, i) => (i < Math.min(...sides) ? energy : 0));
  return { energies, sides };
}

/** Rows that hold more than rounding: those of dead channels would pass for a matrix without noise. */
function liveRows({ rows, columns, data }: Matrix): number {
  const energies = Array.from({ length: rows }, (_, r) =>
    data.subarray(r * columns, (r + 1) * columns).reduce((total, value) => total + value * value, 0),
  );
  const most = Math.max(...energies);
  return energies.filter((energy) => energy > 1e-12 * most).length;
}

function sum(values: Float64Array | readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
