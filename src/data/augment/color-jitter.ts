/**
 * Colour jitter as torchvision's `ColorJitter`: brightness, contrast and saturation are multiplied by a random factor and
 * the hue is turned by a random part of a turn, in random order.
 */
import type { Random } from '../../base/index.ts';
import type { ImageShape } from '../preprocessing.ts';
import { adjustBrightness, adjustContrast, adjustSaturation } from './enhance.ts';
import { adjustHue } from './hue.ts';

/** How far each may go; absent ones stay as they are. */
export interface ColorJitter {
  /** Factors from 1 - x, at least 0, to 1 + x, for this and the next two. */
  readonly brightness?: number;
  readonly contrast?: number;
  readonly saturation?: number;
  /** Turns from -x to x, 0.5 at most. */
  readonly hue?: number;
}

const QUALITIES = ['brightness', 'contrast', 'saturation', 'hue'] as const;

/** @returns C×H×W bytes; `pixels` themselves where nothing is to be changed */
export function jitterColors(pixels: Uint8Array, shape: ImageShape, jitter: ColorJitter, random: Random): Uint8Array {
  let result = pixels;
  for (const quality of random.shuffle([...QUALITIES])) {
    const reach = jitter[quality] ?? 0;
    const amount =
      quality === 'hue' ? random.uniform(-reach, reach) : random.uniform(Math.max(0, 1 - reach), 1 + reach);
    if (reach === 0) continue;
    if (quality === 'brightness') result = adjustBrightness(result, amount);
    else if (quality === 'contrast') result = adjustContrast(result, shape, amount);
    else if (quality === 'saturation') result = adjustSaturation(result, shape, amount);
    else result = adjustHue(result, shape, amount);
  }
  return result;
}
