/** Data sets and models list their classes in orders of their own. */
import { SkeinError } from '../base/index.ts';

/**
 * For each class of the data the model's class: by name where the model has all of the data's names (a sample may lack
 * some of the model's), by position where one side only numbers its classes ('0', '1', …) and there are as many.
 * @throws SkeinError 'invalid-argument' otherwise, naming what does not match
 */
export function matchClasses(classNames: readonly string[], labels: readonly string[]): Int32Array {
  const indexOf = new Map(labels.map((label, index) => [label, index]));
  const byName = classNames.map((name) => indexOf.get(name));
  const distinct = indexOf.size === labels.length && new Set(classNames).size === classNames.length;
  if (distinct && byName.every((index) => index !== undefined)) return Int32Array.from(byName as number[]);
  const numbered = areNumbers(classNames) || areNumbers(labels);
  if (numbered && classNames.length === labels.length) return Int32Array.from(labels.keys());
  const strangers = classNames.filter((name) => !indexOf.has(name)).slice(0, 3);
  throw new SkeinError(
    'invalid-argument',
    `The data's classes must be among the model's ${labels.length} (${labels.slice(0, 3).join(', ')}, …), received ${classNames.length}, which it does not have: ${strangers.join(', ')}; name the model's classes with --labels, or the data's after them`,
  );
}

function areNumbers(names: readonly string[]): boolean {
  return names.every((name) => /^\d+$/.test(name));
}
