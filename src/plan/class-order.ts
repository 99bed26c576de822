/** Data sets and models list their classes in orders of their own. */
import { SkeinError } from '../base/index.ts';

/**
 * For each class of the data the model's class: by name where both have the same names, by position where only their
 * number is the same (a model that calls its classes '0', '1', …).
 * @throws SkeinError 'invalid-argument' where not even that is
 */
export function matchClasses(classNames: readonly string[], labels: readonly string[]): Int32Array {
  const indexOf = new Map(labels.map((label, index) => [label, index]));
  const sameNames = classNames.length === indexOf.size && indexOf.size === labels.length;
  const byName = classNames.map((name) => indexOf.get(name));
  if (sameNames && byName.every((index) => index !== undefined) && new Set(byName).size === labels.length) {
    return Int32Array.from(byName as number[]);
  }
  if (classNames.length === labels.length) return Int32Array.from(labels.keys());
  throw new SkeinError(
    'invalid-argument',
    `The data must have the model's ${labels.length} classes (${labels.slice(0, 3).join(', ')}, …), received ${classNames.length} (${classNames.slice(0, 3).join(', ')}, …)`,
  );
}
