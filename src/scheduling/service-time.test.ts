import { expect, it } from 'vitest';
import { Random } from '../base/index.ts';
import { ServiceTime } from './service-time.ts';

it('finds the line behind noisy batches', () => {
  const random = new Random(1);
  const time = new ServiceTime();
  for (let i = 0; i < 500; i++) {
    const rows = 1 + random.integer(16);
    time.observe(rows, 2 + 3 * rows + 0.1 * random.normal(), 0);
  }
  expect(time.estimateMs(1)).toBeCloseTo(5, 0);
  expect(time.estimateMs(16)).toBeCloseTo(50, 0);
});

it('is 0 before the first batch, and proportional where all batches had one size', () => {
  const time = new ServiceTime();
  expect(time.estimateMs(4)).toBe(0);
  for (let i = 0; i < 10; i++) time.observe(4, 8, 0);
  expect(time.estimateMs(4)).toBeCloseTo(8, 9);
  expect(time.estimateMs(8)).toBeCloseTo(16, 9);
});

it('follows a machine that became slower', () => {
  const time = new ServiceTime();
  for (let i = 0; i < 100; i++) time.observe(1 + (i % 4), 1 + (i % 4), 0);
  for (let i = 0; i < 300; i++) time.observe(1 + (i % 4), 2 * (1 + (i % 4)), 0);
  expect(time.estimateMs(4)).toBeCloseTo(8, 1);
});

it('never shrinks with more rows', () => {
  const time = new ServiceTime();
  time.observe(1, 10, 0);
  time.observe(8, 2, 0);
  expect(time.estimateMs(8)).toBeGreaterThanOrEqual(time.estimateMs(1));
});

it('leastMs() is that of the fastest recent batch, and nothing once that is long ago', () => {
  const time = new ServiceTime();
  time.observe(1, 400, 0);
  expect(time.leastMs(1, 500)).toBeCloseTo(400, 9);
  expect(time.leastMs(1, 1001)).toBe(0);
  time.observe(1, 2, 1001);
  expect(time.leastMs(1, 1001)).toBeCloseTo(2, 9);
  for (let i = 0; i < 15; i++) time.observe(1, 3, 1002);
  expect(time.leastMs(1, 1002)).toBeCloseTo(2, 9);
  time.observe(1, 3, 1003);
  expect(time.leastMs(1, 1003)).toBeCloseTo(3, 9);
});
