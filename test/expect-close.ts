/** Numbers against a reference's, element by element. */
import { expect } from 'vitest';

/** @param tolerance relative to the larger of 1 and the expected number */
export function expectClose(
  actual: ArrayLike<number>,
  expected: readonly number[],
  tolerance: number,
  what = 'numbers',
): void {
  expect(actual.length, `${what}: how many`).toBe(expected.length);
  for (const [i, number] of expected.entries()) {
    const distance = Math.abs((actual[i] ?? Number.NaN) - number);
    const bound = tolerance * Math.max(1, Math.abs(number));
    expect(distance, `${what}[${i}]: ${actual[i]} instead of ${number}`).toBeLessThanOrEqual(bound);
  }
}
