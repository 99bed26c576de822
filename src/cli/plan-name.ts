/** What a plan is called where the call does not say it. */
import { basename, resolve } from 'node:path';

/** The folder's name, in what a plan's name may hold; undefined where nothing of it may be. */
export function planNameOf(folder: string): string | undefined {
  const name = basename(resolve(folder))
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return name === '' ? undefined : name;
}
