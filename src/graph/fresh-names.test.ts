import { expect, it } from 'vitest';
import { FreshNames } from './fresh-names.ts';

it('numbers a base that is taken, and passes over numbers that are', () => {
  const names = new FreshNames(['a', 'a_2']);
  expect(['a', 'a', 'b', 'b'].map((base) => names.make(base))).toEqual(['a_1', 'a_3', 'b', 'b_1']);
  names.take('b_2');
  expect(names.make('b')).toBe('b_3');
  expect([names.has('b_3'), names.has('b_4')]).toEqual([true, false]);
});
