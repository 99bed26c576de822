/** Which classes go together in a part of class parallelism. A group is the indices of its classes, ascending. */
import { listNames, nearestName, SkeinError } from '../../base/index.ts';

export type ClassGroup = readonly number[];

/** Each class alone. */
export function singleClasses(classes: number): ClassGroup[] {
  return Array.from({ length: classes }, (_, i) => [i]);
}

/** Neighbours together; sizes differ by one at most, larger groups first. @throws SkeinError as `checkGroupCount` does */
export function contiguousGroups(classes: number, count: number): ClassGroup[] {
  checkGroupCount(classes, count);
  const size = Math.floor(classes / count);
  const over = classes % count;
  let next = 0;
  return Array.from({ length: count }, (_, g) => Array.from({ length: size + (g < over ? 1 : 0) }, () => next++));
}

/** @throws SkeinError 'invalid-argument' where no class would be left for some group */
export function checkGroupCount(classes: number, count: number): void {
  if (Number.isInteger(count) && count >= 1 && count <= classes) return;
  throw new SkeinError(
    'invalid-argument',
    `Groups of ${classes} classes: expected from 1 to ${classes} of them, so that each has a class, received ${count}`,
  );
}

/**
 * Groups by the names of their classes.
 * @param groups as `[['cat', 'dog'], ['ship']]`; every class in exactly one of them
 * @throws SkeinError 'invalid-argument' naming the class that is unknown, left out or there twice
 */
export function namedGroups(labels: readonly string[], groups: readonly (readonly string[])[]): ClassGroup[] {
  const groupOf = new Map<number, number>();
  const refuse = (what: string): SkeinError => new SkeinError('invalid-argument', `Groups of classes: ${what}`);
  for (const [g, names] of groups.entries()) {
    if (names.length === 0) throw refuse(`expected at least one class in each, group ${g + 1} has none`);
    for (const name of names) {
      const index = labels.indexOf(name);
      if (index < 0) {
        const near = nearestName(name, labels);
        const hint = near === undefined ? `expected some of ${listNames(labels)}` : `did you mean '${near}'?`;
        throw refuse(`there is no class '${name}': ${hint}`);
      }
      if (groupOf.has(index)) throw refuse(`expected each class once, '${name}' is there twice`);
      groupOf.set(index, g);
    }
  }
  const missing = labels.filter((_, i) => !groupOf.has(i));
  if (missing.length > 0) throw refuse(`expected every class in one of them, ${listNames(missing)} missing`);
  return groups.map((_, g) => [...labels.keys()].filter((i) => groupOf.get(i) === g));
}
