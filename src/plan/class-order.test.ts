import { describe, expect, it } from 'vitest';
import { matchClasses } from './class-order.ts';

describe('matchClasses()', () => {
  it('goes by name where the names are the same', () => {
    expect([...matchClasses(['bird', 'cat', 'dog'], ['dog', 'bird', 'cat'])]).toEqual([1, 2, 0]);
  });

  it('goes by position where only the number is', () => {
    expect([...matchClasses(['bird', 'cat'], ['0', '1'])]).toEqual([0, 1]);
    expect([...matchClasses(['bird', 'cat'], ['cat', 'cat'])]).toEqual([0, 1]);
  });

  it('refuses another number of classes', () => {
    expect(() => matchClasses(['bird', 'cat'], ['a', 'b', 'c'])).toThrow(
      "The data must have the model's 3 classes (a, b, c, …), received 2 (bird, cat, …)",
    );
  });
});
