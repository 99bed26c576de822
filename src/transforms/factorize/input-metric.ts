/**
 * Makes what is lost of a kernel count by what it does to the layer's output: |W x|² over images is tr(W C Wᵀ) with the
 * second moments C of the windows that it reads, so the kernel is split as W·L with C = L·Lᵀ, and the parts that read
 * channels, rows and columns are turned back by L⁻¹. The least squares on responses of Zhang et al. 2016 (section 3.1), with
 * C as a Kronecker product, so that every way of splitting can be turned back; at full rank nothing changes.
 */
import { SkeinError } from '../../base/index.ts';
import { type InputMoments, withRidge } from '../input-moments.ts';
import { cholesky, type Matrix, matrix, multiply, solvedAbove, transposed } from '../matrix.ts';
import { foldedByIn, type Kernel, unfoldedByIn } from './kernel.ts';

/** L of each axis that weights lie along, lower triangular. */
export interface InputMetric {
  readonly channels: Matrix;
  readonly vertical?: Matrix | undefined;
  readonly horizontal?: Matrix | undefined;
}

/** Undefined where the moments say nothing. */
export function inputMetric({ channels, vertical, horizontal }: InputMoments): InputMetric | undefined {
  const factor = (moments: Matrix | undefined): Matrix | undefined => {
    const scaled = moments && withRidge(moments);
    return scaled && cholesky(scaled);
  };
  const ofChannels = factor(channels);
  return ofChannels && { channels: ofChannels, vertical: factor(vertical), horizontal: factor(horizontal) };
}

/** W·L */
export function intoMetric(kernel: Kernel, { channels, vertical, horizontal }: InputMetric): Kernel {
  if (channels.rows !== kernel.in) {
    throw new SkeinError('internal', `A kernel of ${kernel.in} input channels was given moments of ${channels.rows}`);
  }
  const onChannels = foldedByIn(multiply(transposed(channels), unfoldedByIn(kernel)), kernel);
  return alongWindow(onChannels, vertical, horizontal);
}

/** What the parts of W·L, in the order of running, are of W. */
export function outOfMetric(parts: readonly Kernel[], { channels, vertical, horizontal }: InputMetric): Kernel[] {
  // A part has the window's rows, or columns, where another has 1.
  const undone = (l: Matrix | undefined, size: number) => (l !== undefined && size > 1 ? inverse(l) : undefined);
  return parts.map((part, i) => {
    const own = i === 0 ? foldedByIn(solvedAbove(channels, unfoldedByIn(part)), part) : part;
    return alongWindow(own, undone(vertical, part.height), undone(horizontal, part.width));
  });
}

/** The window's axes times these matrices, W[y, x] → Σ W[v, h] · V[v, y] · H[h, x]; undefined leaves one as it is. */
function alongWindow(kernel: Kernel, vertical: Matrix | undefined, horizontal: Matrix | undefined): Kernel {
  const { height, width, data } = kernel;
  if (vertical === undefined && horizontal === undefined) return kernel;
  const at = (of: Matrix | undefined, from: number, to: number): number =>
    of === undefined ? Number(from === to) : (of.data[from * of.columns + to] as number);
  const area = height * width;
  // Of each place to each.
  const weights = new Float64Array(area * area);
  for (let from = 0; from < area; from++)
    for (let to = 0; to < area; to++)
      weights[from * area + to] =
        at(vertical, Math.floor(from / width), Math.floor(to / width)) * at(horizontal, from % width, to % width);
  const made = new Float64Array(data.length);
  for (let start = 0; start < data.length; start += area)
    for (let to = 0; to < area; to++) {
      let sum = 0;
      for (let from = 0; from < area; from++)
        sum += (data[start + from] as number) * (weights[from * area + to] as number);
      made[start + to] = sum;
    }
  return { ...kernel, data: made };
}

/** L⁻¹ */
function inverse(l: Matrix): Matrix {
  const identity = matrix(l.rows, l.rows);
  for (let i = 0; i < l.rows; i++) identity.data[i * l.rows + i] = 1;
  return transposed(solvedAbove(l, identity));
}
