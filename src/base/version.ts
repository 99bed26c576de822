/** The version of the package that this file belongs to. */
import { readFileSync } from 'node:fs';

export function skeinVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
