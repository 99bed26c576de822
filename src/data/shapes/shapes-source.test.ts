import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import type { Examples, ImagePixels } from '../source.ts';
import { parseShapes } from './shapes-options.ts';
import { shapesSource } from './shapes-source.ts';

const open = async (split: string, seed = 0, count = 200) => shapesSource({ seed, count }).open(split);
const draw = (examples: Examples, i: number) => (examples.images as ImagePixels).pixels(i);
const digest = (examples: Examples, count: number) => {
  const hash = createHash('sha256');
  for (let i = 0; i < count; i++) hash.update(draw(examples, i));
  return hash.digest('hex');
};

describe('shapes', () => {
  it('are ten classes in alphabetical order, balanced in every run of ten', async () => {
    const examples = await open('train');
    expect(examples.classNames).toHaveLength(10);
    expect(examples.classNames).toEqual([...examples.classNames].sort());
    for (let i = 0; i < 200; i += 10) expect(new Set(examples.labels.subarray(i, i + 10)).size).toBe(10);
  });

  it('have 10,000, 2,000 and 2,000 images, or as many as are asked for', async () => {
    const sizes = ['train', 'val', 'test'].map(async (split) => (await shapesSource().open(split)).labels.length);
    expect(await Promise.all(sizes)).toEqual([10_000, 2000, 2000]);
    expect((await open('test', 0, 30_000)).labels).toHaveLength(30_000);
  });

  it('are the same for the same seed, in whatever order and number they are drawn', async () => {
    const few = await open('val', 3, 20);
    const many = await open('val', 3, 100);
    for (const i of [19, 4, 0]) expect(draw(many, i)).toEqual(draw(few, i));
    expect(many.labels.subarray(0, 20)).toEqual(few.labels);
    expect(digest(await open('val', 4, 20), 20)).not.toBe(digest(few, 20));
  });

  it('differ from image to image and from split to split', async () => {
    const seen = new Set<string>();
    for (const split of ['train', 'val', 'test']) {
      const examples = await open(split);
      for (let i = 0; i < 100; i++) seen.add(Buffer.from(draw(examples, i)).toString('base64'));
    }
    expect(seen.size).toBe(300);
  });

  // Of the first version, so that models that were trained then see the same images now.
  it.each([
    ['train', 0, undefined, '4c7c00c5b646a51fa917ca8fb3c2325d95ba9a1b57b4203abd0862db00648bc3'],
    ['val', 0, undefined, '26067095b946c3de27a4a398fe68424699fd2dc0b557b0f2b69b0755d65866da'],
    ['test', 0, undefined, 'cb619e5af03ecf0f5c80593fcb06b61813e26a547ab8e77d3fe9c683cb558522'],
    ['test', 2 ** 40 + 7, 150, 'a707801651d21b14fd96ac1e7af526b96d7afb1e50f21051af52f7f84f28f97c'],
  ])('of %s with seed %i are these very names, labels and bytes on every machine', async (split, seed, count, hash) => {
    const examples = await shapesSource({ seed, ...(count !== undefined && { count }) }).open(split);
    const found = createHash('sha256').update(examples.classNames.join(' ')).update(Uint8Array.from(examples.labels));
    for (let i = 0; i < 100; i++) found.update(draw(examples, i));
    expect(found.digest('hex')).toBe(hash);
  });

  it('are drawn on threads as on this one, in the order that is asked for', async () => {
    const examples = await shapesSource(
      { seed: 1, count: 80, threads: 2 },
      parseShapes('shapes:newclass=0.2,blur=0.5'),
    ).open('val');
    opened.push(examples);
    const indices = Array.from({ length: 70 }, (_, i) => 79 - i);
    const made = await (examples.images as ImagePixels).make?.(indices);
    expect(made).toEqual(indices.map((i) => draw(examples, i)));
    expect(await (examples.images as ImagePixels).make?.([])).toEqual([]);
  });
});

const opened: Examples[] = [];
afterAll(async () => {
  for (const examples of opened) await examples.close?.();
});
