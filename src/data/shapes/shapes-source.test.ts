import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SHAPE_NAMES } from './draw-shape.ts';
import { OUTLINES } from './shape-outlines.ts';
import { shapesSource } from './shapes-source.ts';
import type { Examples, ImagePixels } from './source.ts';

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
    expect(examples.classNames).toEqual([...SHAPE_NAMES].sort());
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

  it('are these very bytes on every machine and engine', async () => {
    expect(digest(await open('train', 0), 100)).toBe(
      '98253074c454d7ac3a2688e8e6a8c73f6efd5e46a2719647b25e9adc21ed2dea',
    );
  });
});

describe('outlines', () => {
  /** Area and whether everything lies within the radius that drawing allows for. */
  function measure(name: string): { area: number; reach: number } {
    const outline = OUTLINES[name];
    if (outline === undefined) throw new Error(name);
    const step = 0.01;
    let area = 0;
    let reach = 0;
    for (let x = -2 + step / 2; x < 2; x += step) {
      for (let y = -2 + step / 2; y < 2; y += step) {
        if (outline(x, y) > 0) continue;
        area += step * step;
        reach = Math.max(reach, Math.hypot(x, y));
      }
    }
    return { area, reach };
  }

  // Elementary geometry: regular polygon n/2 r² sin(2π/n), star 5 r ρ sin 36°, disc segments by integration.
  const polygon = (sides: number, radius: number) => (sides / 2) * radius ** 2 * Math.sin((2 * Math.PI) / sides);
  it.each([
    ['circle', Math.PI * 0.9 ** 2],
    ['cross', 2 * (2 * 0.72) - 0.72 ** 2],
    ['hexagon', polygon(6, 0.98)],
    ['pentagon', polygon(5, 1.02)],
    ['ring', Math.PI * (1 - 0.5 ** 2)],
    ['semicircle', (Math.PI * 1.15 ** 2) / 2],
    ['square', 1.6 ** 2],
    ['star', 5 * 1.15 * 0.5 * Math.sin(Math.PI / 5)],
    ['triangle', polygon(3, 1.2)],
  ])('%s has the area that geometry gives it', (name, area) => {
    expect(Math.abs(measure(name).area - area)).toBeLessThan(0.015);
  });

  it.each(['crescent', 'star', 'triangle'])(
    '%s, one of the longest, stays within the reach that drawing allows for',
    (name) => {
      expect(measure(name).reach).toBeLessThan(1.6);
    },
  );
});
