import { describe, expect, it } from 'vitest';
import { matchClasses } from './class-order.ts';

describe('matchClasses()', () => {
  it('goes by name where the names are the same', () => {
    expect([...matchClasses(['bird', 'cat', 'dog'], ['dog', 'bird', 'cat'])]).toEqual([1, 2, 0]);
  });

  it('goes by name where the data lacks some classes of the model', () => {
    expect([...matchClasses(['bird', 'dog'], ['dog', 'cat', 'bird'])]).toEqual([2, 0]);
  });

  it('goes by position where one side only numbers its classes', () => {
    expect([...matchClasses(['bird', 'cat'], ['0', '1'])]).toEqual([0, 1]);
    expect([...matchClasses(['0', '1'], ['bird', 'cat'])]).toEqual([0, 1]);
  });

  it('refuses other names, and another number of classes', () => {
    expect(() => matchClasses(['plane', 'cat'], ['airplane', 'cat'])).toThrow(/it does not have: plane;/);
    expect(() => matchClasses(['bird', 'cat'], ['a', 'b', 'c'])).toThrow(/model's 3 \(a, b, c, …\).*bird, cat/);
    expect(() => matchClasses(['bird', 'cat'], ['0', '1', '2'])).toThrow(/received 2/);
  });
});
