/** Programs that run to their end. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { dieTogether } from '../serving/child.ts';

/** The repository, seen from the compiled file. */
const ROOT = new URL('../../../', import.meta.url);

/** A path in the repository: what is not compiled runs from its source. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(path, ROOT));
}

/** @param onLine told of each line on standard output and standard error. @throws Error if the program fails */
export async function runProgram(
  program: string,
  args: readonly string[],
  onLine: (line: string) => void = () => {},
): Promise<string> {
  const child = dieTogether(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
  const output: string[] = [];
  let last = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    output.push(line);
    onLine(line);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    last = line;
    onLine(line);
  });
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  if (code !== 0) throw new Error(`${program} ${args.slice(0, 3).join(' ')} … ended with code ${code}: ${last}`);
  return output.join('\n');
}
