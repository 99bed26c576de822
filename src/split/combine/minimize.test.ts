import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { minimize } from './minimize.ts';

describe('minimize()', () => {
  it('finds the minimum of a quadratic of very different curvatures', () => {
    const [curvature, centre] = [
      [1, 1e4, 1e-3],
      [3, -2, 5],
    ];
    const found = minimize((x) => {
      const off = x.map((each, i) => each - (centre[i] as number));
      return {
        value: off.reduce((sum, each, i) => sum + ((curvature[i] as number) * each ** 2) / 2, 0),
        gradient: off.map((each, i) => each * (curvature[i] as number)),
      };
    }, new Float64Array(3));
    expectClose(found, centre, 1e-5);
  });

  it("finds Rosenbrock's minimum at the end of its valley", () => {
    const found = minimize(
      ([a = 0, b = 0]) => ({
        value: (1 - a) ** 2 + 100 * (b - a * a) ** 2,
        gradient: Float64Array.of(-2 * (1 - a) - 400 * a * (b - a * a), 200 * (b - a * a)),
      }),
      Float64Array.of(-1.2, 1),
    );
    expectClose(found, [1, 1], 1e-7);
  });

  it('stays where there is nothing to gain', () => {
    const start = Float64Array.of(2);
    expect(minimize(() => ({ value: 1, gradient: Float64Array.of(0) }), start)).toBe(start);
  });
});
