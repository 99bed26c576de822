import { describe, expect, it } from 'vitest';
import { contiguousGroups, namedGroups, singleClasses } from './class-groups.ts';

const LABELS = ['cat', 'dog', 'ship', 'truck'];

it('singleClasses() has one group a class', () => {
  expect(singleClasses(3)).toEqual([[0], [1], [2]]);
});

describe('contiguousGroups()', () => {
  it('parts neighbours evenly, the first groups larger where it does not come out even', () => {
    expect(contiguousGroups(4, 2)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(contiguousGroups(7, 3)).toEqual([
      [0, 1, 2],
      [3, 4],
      [5, 6],
    ]);
  });

  it.each([0, 5, 1.5])('refuses %d groups of four classes', (count) => {
    expect(() => contiguousGroups(4, count)).toThrow('expected from 1 to 4 of them');
  });
});

describe('namedGroups()', () => {
  it('gives the classes of each by their numbers', () => {
    expect(
      namedGroups(LABELS, [
        ['truck', 'cat'],
        ['dog', 'ship'],
      ]),
    ).toEqual([
      [0, 3],
      [1, 2],
    ]);
  });

  it.each([
    [
      [
        ['cat', 'dgo'],
        ['ship', 'truck'],
      ],
      "there is no class 'dgo': did you mean 'dog'?",
    ],
    [[['cat', 'airplane'], ['ship']], "there is no class 'airplane': expected some of cat, dog, ship, truck"],
    [
      [
        ['cat', 'dog'],
        ['ship', 'cat'],
      ],
      "expected each class once, 'cat' is there twice",
    ],
    [[['cat'], ['dog']], 'expected every class in one of them, ship, truck missing'],
    [[['cat', 'dog', 'ship', 'truck'], []], 'expected at least one class in each, group 2 has none'],
  ])('refuses %j', (groups, message) => {
    expect(() => namedGroups(LABELS, groups)).toThrow(message);
  });
});
