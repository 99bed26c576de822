import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import type { ImageShape } from '../preprocessing.ts';
import { translate } from './affine.ts';
import { type Augmentation, augmentInto, checkAugmentation } from './augmentation.ts';
import { autoAugment, CIFAR10_POLICY } from './auto-augment.ts';
import { cropPadded, flipHorizontally } from './crop-flip.ts';
import { cutOut } from './cutout.ts';

const DRAWS = 20_000;
const SHAPE: ImageShape = [1, 9, 9];
/** Bytes 1 to 81, each once; 0 is what comes from outside. */
const NUMBERED = Uint8Array.from({ length: 81 }, (_, i) => i + 1);
/** Leaves bytes as they are. */
const AS_IS = Float32Array.from({ length: 3 * 256 }, (_, i) => i % 256);

const random = new Random(11);

function vary(augmentation: Augmentation, image = NUMBERED, shape = SHAPE): number[] {
  const out = new Float32Array(image.length);
  augmentInto(image, shape, augmentation, random, AS_IS, out, 0);
  return [...out];
}

const draw = <T>(one: () => T): T[] => Array.from({ length: DRAWS }, one);

/** Five standard errors of a share that is expected to be `p`. */
function expectShare(found: number, p: number): void {
  expect(Math.abs(found - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / DRAWS));
}

describe('crop', () => {
  it('takes each of the (2 × padding + 1)² places equally often', () => {
    const counts = new Map<number, number>();
    // The middle of the crop is never outside with a padding of 4, so that it tells the place.
    for (const image of draw(() => vary({ crop: 4 }))) {
      counts.set(image[40] as number, (counts.get(image[40] as number) ?? 0) + 1);
    }
    expect(counts.size).toBe(81);
    const expected = DRAWS / 81;
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // The 99.99 % quantile of chi² with 80 degrees of freedom (Wilson and Hilferty's approximation).
    expect(chiSquare).toBeLessThan(136.0);
  });

  it('moves the image under black, and gives it back from the middle', () => {
    const image = Uint8Array.of(1, 2, 3, 4, 5, 6);
    expect([...cropPadded(image, [1, 2, 3], 1, 0, 0)]).toEqual([0, 0, 0, 0, 1, 2]);
    expect([...cropPadded(image, [1, 2, 3], 1, 2, 2)]).toEqual([5, 6, 0, 0, 0, 0]);
    expect([...cropPadded(image, [1, 2, 3], 1, 1, 1)]).toEqual([...image]);
    expect([...cropPadded(image, [3, 1, 2], 1, 1, 2)]).toEqual([2, 0, 4, 0, 6, 0]);
    expect([...cropPadded(image, [1, 2, 3], 9, 0, 18)]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

it('flip mirrors half of the images', () => {
  expect([...flipHorizontally(Uint8Array.of(1, 2, 3, 4, 5, 6), [1, 2, 3])]).toEqual([3, 2, 1, 6, 5, 4]);
  const first = draw(() => vary({ flip: true })[0]);
  expect(new Set(first)).toEqual(new Set([1, 9]));
  expectShare(first.filter((byte) => byte === 9).length / DRAWS, 1 / 2);
});

describe('cutout', () => {
  it('cuts a pixel off as often as the middles that reach it: 9 of 81 at a corner, 16 inside, for a side of 4', () => {
    const images = draw(() => vary({ cutout: 4 }));
    const share = (i: number) => images.filter((image) => image[i] === 0).length / DRAWS;
    // A middle m covers m - 2 to m + 1: the first row is reached from 0, 1, 2, the last one from 7 and 8.
    expectShare(share(0), 9 / 81);
    expectShare(share(80), 4 / 81);
    expectShare(share(40), 16 / 81);
  });

  it('sets all channels to zero after normalisation, within the image at its place', () => {
    const numbers = new Float32Array(3 + 2 * 4).fill(7);
    cutOut(numbers, 3, [2, 2, 2], { top: 1, bottom: 2, left: 0, right: 1 });
    expect([...numbers]).toEqual([7, 7, 7, 7, 7, 0, 7, 7, 7, 0, 7]);
  });
});

describe('jitter', () => {
  const grey = (byte: number) => new Uint8Array(81).fill(byte);

  it('multiplies by uniform factors from 1 - x to 1 + x', () => {
    const factors = draw(() => (vary({ jitter: { brightness: 0.4 } }, grey(100))[0] as number) / 100);
    expect(Math.min(...factors)).toBeGreaterThanOrEqual(0.59);
    expect(Math.min(...factors)).toBeLessThan(0.62);
    expect(Math.max(...factors)).toBeLessThan(1.4);
    expect(Math.max(...factors)).toBeGreaterThan(1.38);
    // Bytes are cut off, half a byte on average; a uniform number's variance is (width)² / 12.
    const mean = factors.reduce((sum, factor) => sum + factor, 0) / DRAWS;
    expect(Math.abs(mean - 0.995)).toBeLessThan(5 * Math.sqrt(0.8 ** 2 / 12 / DRAWS));
  });

  it('turns hues of colours and leaves grey alone', () => {
    const colour = Uint8Array.of(200, 40, 90);
    const hues = new Set(draw(() => vary({ jitter: { hue: 0.5 } }, colour, [3, 1, 1])).map(String));
    expect(hues.size).toBeGreaterThan(200);
    expect(vary({ jitter: { hue: 0.5 } }, grey(77))).toEqual([...grey(77)]);
  });
});

describe('AutoAugment', () => {
  it('leaves as many images alone as the probabilities of the policy say', () => {
    const alone = draw(() => autoAugment(NUMBERED, SHAPE, random) === NUMBERED).filter(Boolean).length / DRAWS;
    const expected = CIFAR10_POLICY.reduce((sum, [a, b]) => sum + (1 - a[1]) * (1 - b[1]), 0) / CIFAR10_POLICY.length;
    expect(CIFAR10_POLICY).toHaveLength(25);
    expectShare(alone, expected);
  });

  it('moves to either side equally often', () => {
    // TranslateY alone, at level 9: 150/331 of 9 pixels are four rows.
    const [down, up] = [4, -4].map((rows) => String(translate(NUMBERED, SHAPE, 0, rows)));
    const images = draw(() => String(autoAugment(NUMBERED, SHAPE, random)));
    const downs = images.filter((image) => image === down).length;
    const moved = downs + images.filter((image) => image === up).length;
    expect(moved).toBeGreaterThan(200);
    expect(Math.abs(downs / moved - 1 / 2)).toBeLessThan(5 * Math.sqrt(1 / 4 / moved));
  });
});

describe('checkAugmentation()', () => {
  const CIFAR: ImageShape = [3, 32, 32];

  it('takes what is in range', () => {
    checkAugmentation(
      { crop: 4, flip: true, autoAugment: true, jitter: { brightness: 2, hue: 0.5 }, cutout: 16 },
      CIFAR,
    );
    checkAugmentation({ crop: 16, cutout: 16 }, [3, 16, 40]);
  });

  it.each<[Augmentation, string]>([
    [{ crop: -1 }, 'for crop a whole number of pixels from 0 to 32, the side of the images, received -1'],
    [{ cutout: 1.5 }, 'for cutout a whole number of pixels from 0 to 32, the side of the images, received 1.5'],
    [{ crop: 33 }, 'for crop a whole number of pixels from 0 to 32, the side of the images, received 33'],
    [{ cutout: 64 }, 'for cutout a whole number of pixels from 0 to 32, the side of the images, received 64'],
    [{ jitter: { hue: 0.6 } }, 'for jitter hue a number from 0 to 0.5, received 0.6'],
    [{ jitter: { contrast: Number.NaN } }, 'for jitter contrast a number from 0, received NaN'],
  ])('refuses %j', (augmentation, message) => {
    expect(() => checkAugmentation(augmentation, CIFAR)).toThrow(message);
  });
});
