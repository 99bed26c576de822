/**
 * AutoAugment's policy for CIFAR-10 (Cubuk et al. 2019, table 7), with the operations and magnitudes of torchvision's
 * `AutoAugment(AutoAugmentPolicy.CIFAR10)`: one of 25 sub-policies an image, each two operations that happen or not.
 */
import type { Random } from '../../base/index.ts';
import type { ImageShape } from '../preprocessing.ts';
import { rotate, shearX, shearY, translate } from './affine.ts';
import { adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness } from './enhance.ts';
import { autoContrast, equalize, invert, posterize, solarize } from './tone.ts';

type Apply = (pixels: Uint8Array, shape: ImageShape, magnitude: number) => Uint8Array;

interface Operation {
  /** From the level 0 to 9 of the policy. */
  readonly magnitude: (level: number, shape: ImageShape) => number;
  /** Whether the magnitude is as often negative. */
  readonly signed: boolean;
  readonly apply: Apply;
}

/** Levels 0 to 9 evenly from 0 to `most`: as `torch.linspace` rounds, from the nearer end, to float32. */
function upTo(most: number, apply: Apply): Operation {
  const step = Math.fround(Math.fround(most) / 9);
  const magnitude = (level: number) =>
    Math.fround(level < 5 ? step * level : Math.fround(most) - Math.fround(step * (9 - level)));
  return { magnitude, signed: true, apply };
}

function moved(side: 1 | 2, apply: Apply): Operation {
  return {
    magnitude: (level, shape) => Math.trunc(((150 / 331) * (shape[side] as number) * level) / 9),
    signed: true,
    apply,
  };
}

function plain(apply: (pixels: Uint8Array, shape: ImageShape) => Uint8Array): Operation {
  return { magnitude: () => 0, signed: false, apply };
}

export const OPERATIONS = {
  ShearX: upTo(0.3, shearX),
  ShearY: upTo(0.3, shearY),
  TranslateX: moved(2, (pixels, shape, pixelsRight) => translate(pixels, shape, pixelsRight, 0)),
  TranslateY: moved(1, (pixels, shape, pixelsDown) => translate(pixels, shape, 0, pixelsDown)),
  Rotate: upTo(30, rotate),
  Brightness: upTo(0.9, (pixels, _, change) => adjustBrightness(pixels, 1 + change)),
  Color: upTo(0.9, (pixels, shape, change) => adjustSaturation(pixels, shape, 1 + change)),
  Contrast: upTo(0.9, (pixels, shape, change) => adjustContrast(pixels, shape, 1 + change)),
  Sharpness: upTo(0.9, (pixels, shape, change) => adjustSharpness(pixels, shape, 1 + change)),
  Posterize: {
    magnitude: (level) => 8 - Math.round((level * 4) / 9),
    signed: false,
    apply: (pixels, _, bits) => posterize(pixels, bits),
  },
  Solarize: {
    magnitude: (level) => (255 * (9 - level)) / 9,
    signed: false,
    apply: (pixels, _, threshold) => solarize(pixels, threshold),
  },
  AutoContrast: plain(autoContrast),
  Equalize: plain(equalize),
  Invert: plain(invert),
} as const satisfies Record<string, Operation>;

/** What happens, how likely, and at which level. */
export type Step = readonly [operation: keyof typeof OPERATIONS, probability: number, level?: number];

export const CIFAR10_POLICY: readonly (readonly [Step, Step])[] = [
  both(['Invert', 0.1], ['Contrast', 0.2, 6]),
  both(['Rotate', 0.7, 2], ['TranslateX', 0.3, 9]),
  both(['Sharpness', 0.8, 1], ['Sharpness', 0.9, 3]),
  both(['ShearY', 0.5, 8], ['TranslateY', 0.7, 9]),
  both(['AutoContrast', 0.5], ['Equalize', 0.9]),
  both(['ShearY', 0.2, 7], ['Posterize', 0.3, 7]),
  both(['Color', 0.4, 3], ['Brightness', 0.6, 7]),
  both(['Sharpness', 0.3, 9], ['Brightness', 0.7, 9]),
  both(['Equalize', 0.6], ['Equalize', 0.5]),
  both(['Contrast', 0.6, 7], ['Sharpness', 0.6, 5]),
  both(['Color', 0.7, 7], ['TranslateX', 0.5, 8]),
  both(['Equalize', 0.3], ['AutoContrast', 0.4]),
  both(['TranslateY', 0.4, 3], ['Sharpness', 0.2, 6]),
  both(['Brightness', 0.9, 6], ['Color', 0.2, 8]),
  both(['Solarize', 0.5, 2], ['Invert', 0]),
  both(['Equalize', 0.2], ['AutoContrast', 0.6]),
  both(['Equalize', 0.2], ['Equalize', 0.6]),
  both(['Color', 0.9, 9], ['Equalize', 0.6]),
  both(['AutoContrast', 0.8], ['Solarize', 0.2, 8]),
  both(['Brightness', 0.1, 3], ['Color', 0.7, 0]),
  both(['Solarize', 0.4, 5], ['AutoContrast', 0.9]),
  both(['TranslateY', 0.9, 9], ['TranslateY', 0.7, 9]),
  both(['AutoContrast', 0.9], ['Solarize', 0.8, 3]),
  both(['Equalize', 0.8], ['Invert', 0.1]),
  both(['TranslateY', 0.7, 9], ['AutoContrast', 0.9]),
];

function both(first: Step, second: Step): readonly [Step, Step] {
  return [first, second];
}

/** @returns C×H×W bytes; `pixels` themselves where nothing happens */
export function autoAugment(pixels: Uint8Array, shape: ImageShape, random: Random): Uint8Array {
  let result = pixels;
  for (const step of random.pick(CIFAR10_POLICY)) {
    const happens = random.uniform() < step[1];
    const sign = random.integer(2) === 0 ? 1 : -1;
    if (happens) result = applyStep(result, shape, step, sign);
  }
  return result;
}

/** @param sign of the magnitude, where the operation has one */
export function applyStep(pixels: Uint8Array, shape: ImageShape, [name, , level = 0]: Step, sign: 1 | -1): Uint8Array {
  const { magnitude, signed, apply }: Operation = OPERATIONS[name];
  const value = magnitude(level, shape);
  return apply(pixels, shape, signed ? sign * value : value);
}
