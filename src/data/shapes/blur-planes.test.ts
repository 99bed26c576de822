import { expect, it } from 'vitest';
import { blurPlanes } from './blur-planes.ts';

const impulse = () => Float32Array.from({ length: 49 }, (_, i) => (i === 24 ? 1 : 0));

// A mean twice is its mask convolved with itself: 1 1 1 gives 1 2 3 2 1, ½ 1 ½ gives ¼ 1 1½ 1 ¼.
it.each([
  [1, [0, 1 / 9, 2 / 9, 3 / 9, 2 / 9, 1 / 9, 0]],
  [0.5, [0, 1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16, 0]],
  [0, [0, 0, 0, 1, 0, 0, 0]],
])('blurPlanes() of a point with radius %f', (radius, mask) => {
  const blurred = blurPlanes(impulse(), 7, radius);
  for (const [i, value] of blurred.entries()) {
    expect(value).toBeCloseTo((mask[i % 7] as number) * (mask[Math.floor(i / 7)] as number), 6);
  }
});

it('keeps planes apart and what is even as it is, up to the border', () => {
  const planes = blurPlanes(new Float32Array(50).fill(2, 0, 25), 5, 1.7);
  for (const [i, value] of planes.entries()) expect(value).toBeCloseTo(i < 25 ? 2 : 0, 6);
});
