import { describe, expect, it } from 'vitest';
import { NEW_OUTLINE, OUTLINES, type Outline } from './shape-outlines.ts';

describe('outlines', () => {
  /** Area and whether everything lies within the radius that drawing allows for. */
  function measure(name: string): { area: number; reach: number } {
    const outline: Outline | undefined = name === 'arrow' ? NEW_OUTLINE : OUTLINES[name];
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
    ['arrow', 1 * 0.56 + (1.1 * 1.7) / 2],
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
