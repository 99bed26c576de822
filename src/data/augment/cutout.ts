/**
 * Cutout (DeVries and Taylor 2017): a square whose middle is any pixel, cut off at the image's border, is set to zero after
 * normalisation, so that it holds the mean.
 */
import type { Random } from '../../base/index.ts';
import type { ImageShape } from '../preprocessing.ts';

/** Rows `top` to `bottom`, columns `left` to `right`, the ends left out. */
export interface Hole {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** @param side of the square; the paper takes 16 for CIFAR-10 and 8 for CIFAR-100, of 32×32 */
export function chooseHole(random: Random, [, height, width]: ImageShape, side: number): Hole {
  const y = random.integer(height) - Math.floor(side / 2);
  const x = random.integer(width) - Math.floor(side / 2);
  return {
    top: Math.max(0, y),
    bottom: Math.min(height, y + side),
    left: Math.max(0, x),
    right: Math.min(width, x + side),
  };
}

/** Sets the hole to zero in the C×H×W numbers at `offset`. */
export function cutOut(numbers: Float32Array, offset: number, shape: ImageShape, hole: Hole): void {
  const [channels, height, width] = shape;
  for (let c = 0; c < channels; c++) {
    for (let y = hole.top; y < hole.bottom; y++) {
      const row = offset + (c * height + y) * width;
      numbers.fill(0, row + hole.left, row + hole.right);
    }
  }
}
