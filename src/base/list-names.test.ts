import { expect, it } from 'vitest';
import { listNames } from './list-names.ts';

it('listNames() gives all of a few and says how many there are of more', () => {
  expect(listNames(['a', 'b', 'c'], 3)).toBe('a, b, c');
  expect(listNames(['a', 'b', 'c', 'd'], 3)).toBe('a, b, c, … (4)');
  expect(listNames([])).toBe('');
});
