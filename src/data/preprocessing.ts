/**
 * What a model expects of its images, and the way from bytes to the numbers that it sees:
 * (RGB / 255 - mean) / std, planes one after another (CHW).
 */
import { SkeinError } from '../base/index.ts';

/** Channels (1 grey or 3 RGB), height, width. */
export type ImageShape = readonly [channels: number, height: number, width: number];

export interface Preprocessing {
  readonly shape: ImageShape;
  /** One a channel, of values in 0 to 1. */
  readonly mean: readonly number[];
  /** One a channel, above 0. */
  readonly std: readonly number[];
}

/** Bytes of one image as pixels: one a channel and place. */
export function pixelCount(shape: ImageShape): number {
  return shape[0] * shape[1] * shape[2];
}

/** @throws {SkeinError} 'invalid-argument' where the shape is not 1 or 3 channels of a positive size */
export function checkImageShape(shape: ImageShape): void {
  const [channels, height, width] = shape;
  if (shape.length !== 3 || (channels !== 1 && channels !== 3) || !isSide(height) || !isSide(width)) {
    throw new SkeinError(
      'invalid-argument',
      `Image shape: expected [1 or 3, height, width] with sides from 1 to 8192, received [${shape.join(',')}]`,
    );
  }
}

/** @throws {SkeinError} 'invalid-argument' where shape, mean and std do not fit each other */
export function checkPreprocessing(pre: Preprocessing): void {
  checkImageShape(pre.shape);
  const channels = pre.shape[0];
  if (pre.mean.length !== channels || !pre.mean.every(Number.isFinite)) {
    throw new SkeinError('invalid-argument', `mean: expected ${channels} numbers, received [${pre.mean.join(', ')}]`);
  }
  if (pre.std.length !== channels || !pre.std.every((std) => Number.isFinite(std) && std > 0)) {
    throw new SkeinError(
      'invalid-argument',
      `std: expected ${channels} numbers above 0, received [${pre.std.join(', ')}]`,
    );
  }
}

/**
 * 256 values a channel, one for each byte. Each step is rounded to float32, as torchvision's `ToTensor` and `Normalize`
 * round it, so that the numbers are theirs to the last bit.
 */
export function normalizationTables(pre: Preprocessing): Float32Array {
  checkPreprocessing(pre);
  const channels = pre.shape[0];
  const tables = new Float32Array(channels * 256);
  for (let c = 0; c < channels; c++) {
    const mean = Math.fround(pre.mean[c] as number);
    const std = Math.fround(pre.std[c] as number);
    for (let byte = 0; byte < 256; byte++) {
      tables[c * 256 + byte] = Math.fround(Math.fround(Math.fround(byte / 255) - mean) / std);
    }
  }
  return tables;
}

/**
 * Writes one image's numbers at `offset` of `target`.
 *
 * @param pixels C×H×W bytes
 * @param tables of {@link normalizationTables} for the same shape
 */
export function normalizeInto(
  pixels: Uint8Array,
  tables: Float32Array,
  shape: ImageShape,
  target: Float32Array,
  offset: number,
): void {
  const plane = shape[1] * shape[2];
  for (let c = 0, from = 0; c < shape[0]; c++) {
    const table = tables.subarray(c * 256, c * 256 + 256);
    for (let i = 0; i < plane; i++, from++) target[offset + from] = table[pixels[from] as number] as number;
  }
}

function isSide(side: number): boolean {
  return Number.isInteger(side) && side >= 1 && side <= 8192;
}
