import { expect, it } from 'vitest';
import { nearestWord } from './nearest-word.ts';

it('nearestWord() finds what was meant, and nothing where nothing is near', () => {
  const known = ['small', 'big', 'confidence'];
  expect(nearestWord('confidense', known)).toBe('confidence');
  expect(nearestWord('Small', known)).toBe('small');
  expect(nearestWord('smal', known)).toBe('small');
  expect(nearestWord('threshold', known)).toBeUndefined();
  // Replacing one letter of one is no spelling mistake.
  expect(nearestWord('x', known)).toBeUndefined();
  expect(nearestWord('b'.repeat(1e6), known)).toBeUndefined();
});
