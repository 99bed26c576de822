/** Names picked by patterns in which `*` stands for any letters. */
import { didYouMean } from '../base/index.ts';
import { UsageError } from './command.ts';

/** Whether a name fits one of the patterns. */
export function nameFilter(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map(
    (pattern) =>
      new RegExp(
        `^${pattern
          .split('*')
          .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
          .join('.*')}$`,
      ),
  );
  return (name) => expressions.some((expression) => expression.test(name));
}

/**
 * The names that fit, in their own order.
 * @param option stands in messages, as does what the names are of
 * @throws UsageError for a pattern that none fits
 */
export function matching(
  option: string,
  patterns: readonly string[],
  names: readonly string[],
  of = 'initializer',
): string[] {
  for (const pattern of patterns) {
    if (names.some(nameFilter([pattern]))) continue;
    throw new UsageError(`${option}: no ${of} is called '${pattern}'${didYouMean(pattern, names)}`);
  }
  return names.filter(nameFilter(patterns));
}
