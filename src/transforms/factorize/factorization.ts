/**
 * The ways in which a layer is split into a row of smaller ones, what ranks they can have, and what the parts cost. The
 * first part always takes the layer's input channels and the last gives its output channels.
 *
 * - `svd`: the whole window into `rank` channels, then 1 × 1 (Zhang et al. 2016); two matrices where there is no window.
 * - `tucker2`: 1 × 1, the window on fewer channels, 1 × 1 (Kim et al. 2016); ranks of input and of output channels.
 * - `spatial`: height × 1, then 1 × width (Jaderberg et al. 2014, Tai et al. 2016).
 */
import { SkeinError } from '../../base/index.ts';
import type { Kernel } from './kernel.ts';

export const FACTORIZATION_KINDS = ['svd', 'tucker2', 'spatial'] as const;

export type FactorizationKind = (typeof FACTORIZATION_KINDS)[number];

export interface Factorization {
  readonly kind: FactorizationKind;
  /** One, of `tucker2` two. */
  readonly ranks: readonly number[];
}

export type KernelShape = Omit<Kernel, 'data'>;

/** The highest ranks, at which a factorisation is exact. */
export function fullRanks(kind: FactorizationKind, kernel: KernelShape): readonly number[] {
  const { out, in: channels, height, width } = kernel;
  const area = height * width;
  if (kind === 'svd') return [Math.min(out, channels * area)];
  if (kind === 'spatial') return [Math.min(channels * height, out * width)];
  return [Math.min(channels, out * area), Math.min(out, channels * area)];
}

/** Eigenvectors of this many channels take about a minute, of twice as many, eight. */
export const LARGEST_SIDE = 2048;

/** Of the square matrix whose eigenvectors the factorisation needs. */
export function eigenSide(kind: FactorizationKind, kernel: KernelShape): number {
  return kind === 'tucker2' ? Math.max(kernel.in, kernel.out) : (fullRanks(kind, kernel)[0] ?? 0);
}

/** Why an `eigenSide` is too long. */
export function beyondLargestSide(side: number): string {
  return `the eigenvectors of a ${side} × ${side} matrix would take too long: ${LARGEST_SIDE} at most`;
}

/** @throws SkeinError 'invalid-argument' for ranks that the layer cannot have; `subject` stands in the message */
export function checkRanks(subject: string, { kind, ranks }: Factorization, kernel: KernelShape): void {
  const full = fullRanks(kind, kernel);
  const fits = (rank: number, i: number): boolean => Number.isInteger(rank) && rank >= 1 && rank <= (full[i] ?? 0);
  if (ranks.length === full.length && ranks.every(fits)) return;
  const [one, most] = [full.length === 1, full.join(' and ')];
  throw new SkeinError(
    'invalid-argument',
    `Cannot factorize ${subject}: ${kind} needs ${one ? `a rank from 1 to ${most}` : `ranks of input and output channels from 1 to ${most}`}, received ${ranks.join(',')}`,
  );
}

/** The shapes of the parts, in the order of running. */
export function partShapes({ kind, ranks }: Factorization, kernel: KernelShape): readonly KernelShape[] {
  const { out, in: channels, height, width } = kernel;
  const [first = 1, second = 1] = ranks;
  if (kind === 'svd') return [{ ...kernel, out: first }, pointwiseShape(first, out)];
  if (kind === 'spatial') {
    return [
      { out: first, in: channels, height, width: 1 },
      { out, in: first, height: 1, width },
    ];
  }
  return [pointwiseShape(channels, first), { out: second, in: first, height, width }, pointwiseShape(second, out)];
}

/** How many weights kernels of these shapes have. */
export function weightsOf(shapes: readonly KernelShape[]): number {
  return shapes.reduce((sum, { out, in: channels, height, width }) => sum + out * channels * height * width, 0);
}

function pointwiseShape(channels: number, out: number): KernelShape {
  return { out, in: channels, height: 1, width: 1 };
}
