import { expect, it } from 'vitest';
import { RunningCost } from './running-cost.ts';

it('is 0 before the first run, then in proportion to the rows', () => {
  const cost = new RunningCost();
  expect(cost.expectedMs(5)).toBe(0);
  cost.observe(4, 8);
  expect(cost.expectedMs(1)).toBe(2);
  expect(cost.expectedMs(10)).toBe(20);
  cost.observe(0, 7);
  expect(cost.expectedMs(1)).toBe(2);
});

it('weighs a run by 0.9 to the power of its age', () => {
  const cost = new RunningCost();
  for (const ms of [1, 2, 4]) cost.observe(1, ms);
  expect(cost.expectedMs(1)).toBeCloseTo((0.81 * 1 + 0.9 * 2 + 4) / (0.81 + 0.9 + 1), 12);
});
