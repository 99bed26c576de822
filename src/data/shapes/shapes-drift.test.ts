import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Examples, ImagePixels } from '../source.ts';
import { parseShapes } from './shapes-options.ts';
import { shapesSource } from './shapes-source.ts';

const draw = (examples: Examples, i: number) => (examples.images as ImagePixels).pixels(i);
const digest = (examples: Examples, count: number) => {
  const hash = createHash('sha256');
  for (let i = 0; i < count; i++) hash.update(draw(examples, i));
  return hash.digest('hex');
};

const drift = async (list: string, count = 40, seed = 0) =>
  shapesSource({ seed, count }, parseShapes(list === '' ? 'shapes' : `shapes:${list}`)).open('test');
const mean = (numbers: ArrayLike<number>) => Array.from(numbers).reduce((sum, x) => sum + x, 0) / numbers.length;

describe('drift', () => {
  it('of light dims the same scenes, to 0.3 of their brightness at its strongest', async () => {
    const [plain, half, full] = await Promise.all(['', 'light=0.5', 'light=1'].map((list) => drift(list)));
    const brightness = (examples: Examples | undefined) =>
      mean(Array.from({ length: 40 }, (_, i) => mean(draw(examples as Examples, i))));
    // Noise is cut off at 0, which lifts dark images a little.
    expect(brightness(half) / brightness(plain)).toBeCloseTo(0.65, 1);
    expect(brightness(full) / brightness(plain)).toBeCloseTo(0.3, 1);
    expect(full?.labels).toEqual(plain?.labels);
  });

  it('of noise adds noise to the same scenes', async () => {
    const [plain, noisy] = await Promise.all(['', 'noise=0.5'].map((list) => drift(list)));
    // The same random words, larger by 0.1 × 255: the difference is that noise, where nothing is cut off.
    const differences: number[] = [];
    for (let i = 0; i < 40; i++) {
      const before = draw(plain as Examples, i);
      for (const [at, byte] of draw(noisy as Examples, i).entries()) {
        if ((before[at] as number) > 120 && (before[at] as number) < 135)
          differences.push(byte - (before[at] as number));
      }
    }
    expect(differences.length).toBeGreaterThan(1000);
    const deviation = Math.sqrt(mean(differences.map((difference) => difference ** 2)));
    expect(deviation).toBeGreaterThan(22);
    expect(deviation).toBeLessThan(29);
  });

  it('of blur takes the edges away and keeps the brightness', async () => {
    const [plain, blurred] = await Promise.all(['', 'blur=1'].map((list) => drift(list)));
    const steps = (examples: Examples) =>
      mean(
        Array.from({ length: 40 }, (_, i) =>
          mean([...draw(examples, i)].map((byte, at, all) => Math.abs(byte - (all[at + 1] ?? byte)))),
        ),
      );
    expect(steps(blurred as Examples)).toBeLessThan(0.8 * steps(plain as Examples));
    expect(mean(draw(blurred as Examples, 3)) / mean(draw(plain as Examples, 3))).toBeCloseTo(1, 1);
  });

  it('by a new class turns that share of the images into it, and leaves the others as they are', async () => {
    const [plain, more, only] = await Promise.all([
      drift('', 2000),
      drift('newclass=0.25', 2000),
      drift('newclass=1', 20),
    ]);
    expect(more.classNames).toEqual([...plain.classNames, 'arrow']);
    const isNew = [...more.labels].map((label) => label === 10);
    const share = isNew.filter(Boolean).length / 2000;
    expect(Math.abs(share - 0.25)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / 2000));
    expect(isNew.slice(0, 200).filter(Boolean).length).toBeGreaterThan(20);
    for (let i = 0; i < 40; i++) {
      expect(String(draw(more, i)) === String(draw(plain, i))).toBe(!isNew[i]);
      if (!isNew[i]) expect(more.labels[i]).toBe(plain.labels[i]);
    }
    expect(new Set(only.labels)).toEqual(new Set([10]));
  });

  it('is the same for the same seed', async () => {
    const list = 'classes=100,light=0.3,noise=0.2,blur=0.4,newclass=0.1,mix=0.7';
    const [a, b, c] = await Promise.all([drift(list, 40, 5), drift(list, 40, 5), drift(list, 40, 6)]);
    expect(digest(a, 40)).toBe(digest(b, 40));
    expect([...a.labels]).toEqual([...b.labels]);
    expect(digest(c, 40)).not.toBe(digest(a, 40));
  });
});
