import { describe, expect, it } from 'vitest';
import { isShapes, parseShapes } from './shapes-options.ts';

const PLAIN = { classes: 10, light: 0, noise: 0, blur: 0, newclass: 0, mix: 0 };

describe('parseShapes()', () => {
  it('reads options in any order; those that are not given are as without any', () => {
    expect(parseShapes('shapes')).toEqual(PLAIN);
    expect(parseShapes('shapes:mix=1,classes=100,light=.25')).toEqual({ ...PLAIN, classes: 100, light: 0.25, mix: 1 });
    expect(['shapes', 'shapes:x', 'shapes2', 'x/shapes'].map(isShapes)).toEqual([true, true, false, false]);
  });

  it.each([
    ['shapes:classes=20', "Data 'shapes' needs for classes (number of classes) one of 10, 100, received 'classes=20'"],
    ['shapes:light=2', "needs for light (how much darker it is) a number from 0 to 1, received 'light=2'"],
    [
      'shapes:nois=1',
      "noise (how much noise is added), blur (how far out of focus), newclass (share of images of a class that is new), mix (how far the mix of classes shifts) as key=value (did you mean 'noise'?), received 'nois=1'",
    ],
    ['shapes:', "as key=value, received ''"],
    ['shapes:mix=1,mix=1', "takes each parameter once, received 'mix=1'"],
  ])('refuses %j', (source, message) => {
    expect(() => parseShapes(source)).toThrow(message);
    expect(() => parseShapes(source)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
