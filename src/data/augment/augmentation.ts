/**
 * How training images are varied: crop, flip, AutoAugment, colour jitter, cutout, in this order, each where it is asked
 * for. What happens to an image follows from its random stream alone.
 */
import { type Random, SkeinError } from '../../base/index.ts';
import { type ImageShape, normalizeInto, pixelCount } from '../preprocessing.ts';
import { autoAugment } from './auto-augment.ts';
import { type ColorJitter, jitterColors } from './color-jitter.ts';
import { cropPadded, flipHorizontally } from './crop-flip.ts';
import { chooseHole, cutOut } from './cutout.ts';

export interface Augmentation {
  /** Pixels of black around the image, out of which a part of the image's size is cut. */
  readonly crop?: number;
  /** Every other image is mirrored. */
  readonly flip?: boolean;
  /** AutoAugment's policy for CIFAR-10. */
  readonly autoAugment?: boolean;
  readonly jitter?: ColorJitter;
  /** The side of a square, in pixels, that is set to the mean. */
  readonly cutout?: number;
}

/**
 * @param shape of the images
 * @throws {SkeinError} 'invalid-argument' where a size or a reach is none, or larger than the image
 */
export function checkAugmentation({ crop = 0, jitter = {}, cutout = 0 }: Augmentation, shape: ImageShape): void {
  const side = Math.min(shape[1], shape[2]);
  const refuse = (what: string, expected: string, received: number) =>
    new SkeinError('invalid-argument', `Augmentation: expected for ${what} ${expected}, received ${received}`);
  for (const [what, pixels] of Object.entries({ crop, cutout })) {
    if (Number.isInteger(pixels) && pixels >= 0 && pixels <= side) continue;
    throw refuse(what, `a whole number of pixels from 0 to ${side}, the side of the images`, pixels);
  }
  for (const [what, reach] of Object.entries(jitter)) {
    const most = what === 'hue' ? 0.5 : Number.MAX_VALUE;
    if (!(reach >= 0 && reach <= most)) {
      throw refuse(`jitter ${what}`, what === 'hue' ? 'a number from 0 to 0.5' : 'a number from 0', reach);
    }
  }
}

/** How many different images an augmentation makes of one; undefined where they are too many to be counted out. */
export function variantsOf({ crop = 0, flip, autoAugment, jitter, cutout = 0 }: Augmentation): 1 | 2 | undefined {
  if (crop > 0 || autoAugment || jitter !== undefined || cutout > 0) return undefined;
  return flip ? 2 : 1;
}

/**
 * Which of its {@link variantsOf} an image becomes: 0 as it is, 1 mirrored.
 * @param random the stream that {@link augmentInto} would get
 */
export function variantOf({ flip }: Augmentation, random: Random): 0 | 1 {
  return flip && random.integer(2) === 1 ? 1 : 0;
}

/**
 * Writes the normalised numbers of the varied image at `offset` of `target`.
 *
 * @param pixels C×H×W bytes, which stay as they are
 * @param tables of `normalizationTables` for the same shape
 */
export function augmentInto(
  pixels: Uint8Array,
  shape: ImageShape,
  augmentation: Augmentation,
  random: Random,
  tables: Float32Array,
  target: Float32Array,
  offset: number,
): void {
  const { crop = 0, jitter, cutout = 0 } = augmentation;
  let image = pixels.subarray(0, pixelCount(shape));
  if (crop > 0) image = cropPadded(image, shape, crop, random.integer(2 * crop + 1), random.integer(2 * crop + 1));
  if (variantOf(augmentation, random) === 1) image = flipHorizontally(image, shape);
  if (augmentation.autoAugment) image = autoAugment(image, shape, random);
  if (jitter !== undefined) image = jitterColors(image, shape, jitter, random);
  normalizeInto(image, tables, shape, target, offset);
  if (cutout > 0) cutOut(target, offset, shape, chooseHole(random, shape, cutout));
}
