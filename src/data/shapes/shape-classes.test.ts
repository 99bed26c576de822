import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { drawShape, type ShapeStyle } from './draw-shape.ts';
import { shapeClasses } from './shape-classes.ts';
import { parseShapes } from './shapes-options.ts';
import { shapesSource } from './shapes-source.ts';

const open100 = async (list: string, count: number) =>
  shapesSource({ count }, parseShapes(`shapes:${list}`)).open('test');

describe('100 classes', () => {
  it('are each outline in each hue, in alphabetical order, balanced in every run of a hundred', async () => {
    const examples = await open100('classes=100', 250);
    expect(examples.classNames).toHaveLength(100);
    expect(examples.classNames).toEqual([...examples.classNames].sort());
    expect(examples.classNames.slice(0, 2)).toEqual(['circle-azure', 'circle-cyan']);
    for (const from of [0, 100]) expect(new Set(examples.labels.subarray(from, from + 100)).size).toBe(100);
    expect((await open100('classes=100,newclass=0.5', 20)).classNames[100]).toBe('arrow');
  });

  // Red at 0, then 36 degrees apart on the colour wheel.
  const hues = {
    red: 0,
    orange: 36,
    lime: 72,
    green: 108,
    emerald: 144,
    cyan: 180,
    azure: 216,
    indigo: 252,
    violet: 288,
    rose: 324,
  };
  it.each(Object.entries(hues))('%s has its hue, give or take 10 degrees, and stands out', (name, hue) => {
    // Nothing but the shape, on black, in even light.
    const bare: ShapeStyle = {
      radius: [0.4, 0.4],
      ground: [0, 0],
      fill: [0, 1],
      stretch: [1, 1],
      contrast: 0.35,
      shading: [0, 0],
      piecesBehind: [0, 0],
      piecesInFront: [0, 0],
      light: [1, 1],
      noise: [0, 0],
      blur: 0,
    };
    const drawn = shapeClasses(100, false).find((each) => each.name === `square-${name}`);
    const random = new Random(4);
    for (let i = 0; i < 50; i++) {
      const image = drawShape(random, drawn as NonNullable<typeof drawn>, bare);
      const at = image.subarray(0, 1024).reduce((best, _, j) => (peak(image, j) > peak(image, best) ? j : best), 0);
      const [red, green, blue] = [image[at], image[at + 1024], image[at + 2048]] as [number, number, number];
      const most = Math.max(red, green, blue);
      const spread = most - Math.min(red, green, blue);
      // The usual formula of HSV, as in Python's colorsys.
      let degrees = 60 * ((green - blue) / spread);
      if (green === most) degrees = 60 * (2 + (blue - red) / spread);
      else if (blue === most) degrees = 60 * (4 + (red - green) / spread);
      if (red === most) degrees = 60 * ((green - blue) / spread);
      const off = Math.abs(((degrees - hue + 540) % 360) - 180);
      expect(off).toBeLessThan(11);
      expect(spread / most).toBeGreaterThan(0.59);
      expect(most).toBeGreaterThan(0.64 * 255);
    }
  });
  const peak = (image: Uint8Array, i: number) =>
    Math.max(image[i] as number, image[i + 1024] as number, image[i + 2048] as number);
});
