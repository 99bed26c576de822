/** How images are varied, as the words of a call: `crop=4,flip,cutout=8,autoaugment,brightness=0.2`. */
import { InvalidArgumentError } from 'commander';
import type { Augmentation, ImageShape } from '../data/index.ts';
import { DECIMAL } from './command.ts';

const JITTER = ['brightness', 'contrast', 'saturation', 'hue'] as const;
const FLAGS = ['flip', 'autoaugment'] as const;
const SIZES = ['crop', 'cutout'] as const;

/** What is done unless told, and its words. */
export const USUAL: Augmentation = { crop: 4, flip: true };
export const USUAL_WORDS = 'crop=4,flip';

/** What nobody asked for must fit images of any size: the usual shift, by half of the shorter side at most. */
export function fittingAugmentation(augment: Augmentation, [, height, width]: ImageShape): Augmentation {
  const { crop } = augment;
  if (augment !== USUAL || crop === undefined) return augment;
  return { ...augment, crop: Math.min(crop, Math.floor(Math.min(height, width) / 2)) };
}

/** @throws InvalidArgumentError that lists the words */
export function readAugmentation(text: string): Augmentation {
  if (text === 'none') return {};
  const found: {
    crop?: number;
    cutout?: number;
    flip?: boolean;
    autoAugment?: boolean;
    jitter?: Record<string, number>;
  } = {};
  for (const word of text.split(',').map((part) => part.trim())) {
    const [name = '', value] = word.split('=');
    if (name === 'flip' && value === undefined) found.flip = true;
    else if (name === 'autoaugment' && value === undefined) found.autoAugment = true;
    else if (SIZES.includes(name as 'crop')) found[name as 'crop'] = amount(word, value);
    else if (JITTER.includes(name as 'hue')) found.jitter = { ...found.jitter, [name]: amount(word, value) };
    else {
      const words = [...FLAGS, ...[...SIZES, ...JITTER].map((each) => `${each}=<n>`)].join(', ');
      throw new InvalidArgumentError(`Expected none, or some of ${words}, received '${word}'.`);
    }
  }
  return found;
}

function amount(word: string, value: string | undefined): number {
  const number = Number(value);
  if (value !== undefined && DECIMAL.test(value) && number >= 0) return number;
  throw new InvalidArgumentError(`Expected a number from 0 after '=' in '${word}'.`);
}
