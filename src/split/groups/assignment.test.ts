import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import { assign } from './assignment.ts';

const sum = (costs: readonly Float64Array[], columns: readonly number[]): number =>
  columns.reduce((total, column, row) => total + (costs[row]?.[column] as number), 0);

/** The least sum over all ways, by trying them. */
function leastOf(costs: readonly Float64Array[], row = 0, taken = new Set<number>()): number {
  if (row === costs.length) return 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [column, cost] of (costs[row] as Float64Array).entries()) {
    if (taken.has(column)) continue;
    least = Math.min(least, cost + leastOf(costs, row + 1, new Set([...taken, column])));
  }
  return least;
}

describe('assign()', () => {
  it('finds the least sum of all', () => {
    const random = new Random(1);
    for (let round = 0; round < 40; round++) {
      const rows = 1 + random.integer(5);
      const columns = rows + random.integer(3);
      const costs = Array.from({ length: rows }, () => Float64Array.from({ length: columns }, () => random.normal()));
      const found = assign(costs);
      expect(new Set(found).size).toBe(rows);
      expect(sum(costs, found)).toBeCloseTo(leastOf(costs), 12);
    }
  });

  it('avoids what is forbidden', () => {
    const no = Number.POSITIVE_INFINITY;
    expect(assign([Float64Array.of(0, 5), Float64Array.of(0, no)])).toEqual([1, 0]);
    expect(() => assign([Float64Array.of(0, no), Float64Array.of(0, no)])).toThrow(
      'Cannot assign row 1: every column that is left is forbidden',
    );
  });

  it('refuses fewer columns than rows', () => {
    expect(() => assign([Float64Array.of(1), Float64Array.of(2)])).toThrow('there are 1 columns');
  });
});
