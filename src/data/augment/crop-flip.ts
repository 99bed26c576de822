/** Random crop out of the padded image, and mirroring: the standard augmentation of CIFAR (He et al. 2016, 4.2). */
import type { ImageShape } from '../preprocessing.ts';

/**
 * The part of the image, padded with black, that begins at (top, left) of the padded image: 0 to 2 × padding each;
 * `padding` is the middle.
 * @returns a new array of C×H×W bytes
 */
export function cropPadded(
  pixels: Uint8Array,
  [channels, height, width]: ImageShape,
  padding: number,
  top: number,
  left: number,
): Uint8Array {
  const out = new Uint8Array(pixels.length);
  const down = top - padding;
  const right = left - padding;
  const first = Math.max(0, right);
  const end = Math.min(width, width + right);
  if (first >= end) return out;
  for (let c = 0; c < channels; c++) {
    for (let y = Math.max(0, -down); y < Math.min(height, height - down); y++) {
      const from = (c * height + y + down) * width;
      out.set(pixels.subarray(from + first, from + end), (c * height + y) * width + first - right);
    }
  }
  return out;
}

/** Left becomes right. */
export function flipHorizontally(pixels: Uint8Array, [channels, height, width]: ImageShape): Uint8Array {
  const out = new Uint8Array(pixels.length);
  for (let row = 0; row < channels * height; row++) {
    for (let x = 0, from = (row + 1) * width - 1, to = row * width; x < width; x++) {
      out[to++] = pixels[from--] as number;
    }
  }
  return out;
}
