import { expect, it } from 'vitest';
import { readCountTarget, readTarget, resolveTarget } from './target-words.ts';

it('readTarget() takes numbers with units, and how many times less', () => {
  expect(resolveTarget(readTarget('130M'), 400e6)).toBe(130e6);
  expect(resolveTarget(readTarget('1.5'), 3)).toBe(1.5);
  expect(resolveTarget(readTarget('4x'), 3)).toBe(0.75);
  for (const text of ['', '0', '-1', '0.5x', 'x', '3 y', '1e3'])
    expect(() => readTarget(text)).toThrow(/Expected a number/);
});

it('readCountTarget() takes a number below 1 as the part that stays', () => {
  expect(resolveTarget(readCountTarget('0.25'), 400)).toBe(100);
  expect(resolveTarget(readCountTarget('4x'), 400)).toBe(100);
  expect(resolveTarget(readCountTarget('1k'), 4000)).toBe(1000);
});
