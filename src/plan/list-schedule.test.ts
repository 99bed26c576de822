import { expect, it } from 'vitest';
import { listScheduleMs } from './list-schedule.ts';

it('is all of it on one worker, and the longest where each has its own', () => {
  expect(listScheduleMs([3, 1, 2], 1)).toBe(6);
  expect(listScheduleMs([3, 1, 2], 3)).toBe(3);
  expect(listScheduleMs([3, 1, 2], 5)).toBe(3);
});

// Graham's worst case for m workers: two each of 2m − 1, …, m + 1 and three of m take 4m − 1, at best 3m.
it.each([2, 3, 4])("reaches Graham's bound on %i workers", (m) => {
  const jobs = [m];
  for (let length = m; length <= 2 * m - 1; length++) jobs.push(length, length);
  expect(listScheduleMs(jobs, m)).toBe(4 * m - 1);
});
