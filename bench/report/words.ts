/** What the words of several benchmarks have in common. */
import { join } from 'node:path';
import { sharedDir } from '../../test/shared.ts';

/** @throws Error where it is no number above 0 */
export function positive(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!(value > 0)) throw new Error(`--${name}: expected a number above 0, received '${text}'`);
  return value;
}

/** A path that was given, or one in the folder of shared models and data. @throws Error where there is neither */
export function givenOrShared(name: string, given: string | undefined, ...path: string[]): string {
  const found = given ?? (sharedDir === undefined ? undefined : join(sharedDir, ...path));
  if (found !== undefined) return found;
  throw new Error(`--${name}: expected a path, as there is no folder of shared models and data`);
}
