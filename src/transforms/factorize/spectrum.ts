/**
 * What each rank of each factorisation would keep of a kernel, so that ranks can be weighed before anything is split. Of
 * Tucker-2 the kernel is turned into the bases of its higher-order SVD: the energies of the elements there tell what every
 * pair of ranks keeps.
 */
import { evbmf } from './evbmf.ts';
import type { Factorization, FactorizationKind } from './factorization.ts';
import { type Kernel, unfoldedByIn, unfoldedByOut, unfoldedBySpace } from './kernel.ts';
import { gram, type Matrix, matrix, transposed } from './matrix.ts';
import { symmetricEigen } from './symmetric-eigen.ts';
import { singularEnergies } from './truncated-svd.ts';
import { onInput, onOutput } from './tucker2.ts';

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
  loss(ranks: readonly number[]): number;
}

export function spectrumOf(kind: FactorizationKind, kernel: Kernel): KernelSpectrum {
  if (kind === 'tucker2') return tuckerSpectrum(kernel);
  const spectrum = spectrumOfMatrix(kind === 'svd' ? unfoldedByOut(kernel) : unfoldedBySpace(kernel));
  const total = sum(spectrum.energies);
  return { kind, spectra: [spectrum], loss: ([rank = 0]) => part(sum(spectrum.energies.subarray(rank)), total) };
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

function tuckerSpectrum(kernel: Kernel): KernelSpectrum {
  const [byIn, byOut] = [unfoldedByIn(kernel), unfoldedByOut(kernel)];
  const [input, output] = [symmetricEigen(gram(byIn)), symmetricEigen(gram(byOut))];
  const core = onOutput(onInput(kernel, input.vectors), output.vectors);
  const kept = cumulativeEnergies(core);
  const total = sum(output.values);
  const spectra = [spectrumFrom(input.values, byIn), spectrumFrom(output.values, byOut)];
  const loss = ([inputRank = 0, outputRank = 0]: readonly number[]): number =>
    Math.max(0, 1 - part(kept.data[outputRank * kept.columns + inputRank] as number, total));
  return { kind: 'tucker2', spectra, loss };
}

/** [out + 1, in + 1]: the energy in the first so many output and input channels. */
function cumulativeEnergies({ out, in: channels, height, width, data }: Kernel): Matrix {
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
  return table;
}

function spectrumOfMatrix(a: Matrix): Spectrum {
  return spectrumFrom(singularEnergies(a), a);
}

function spectrumFrom(values: Float64Array, a: Matrix): Spectrum {
  const sides = [liveRows(a), liveRows(transposed(a))] as const;
  // Beyond the shorter side there is only rounding.
  const energies = values.slice(0, Math.min(a.rows, a.columns)).map((value) => Math.max(0, value));
  return { energies: energies.map((energy, i) => (i < Math.min(...sides) ? energy : 0)), sides };
}

/** Rows that hold more than rounding: those of dead channels would pass for a matrix without noise. */
function liveRows({ rows, columns, data }: Matrix): number {
  const energies = Array.from({ length: rows }, (_, r) =>
    data.subarray(r * columns, (r + 1) * columns).reduce((total, value) => total + value * value, 0),
  );
  const most = Math.max(...energies);
  return energies.filter((energy) => energy > 1e-12 * most).length;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Of an all-zero kernel every rank keeps everything. */
function part(energy: number, total: number): number {
  return total > 0 ? energy / total : 0;
}
