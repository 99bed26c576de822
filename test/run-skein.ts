/** `skein` as a process of its own, for tests of what it prints and ends with. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The program, compiled. */
export const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param folder where it runs; asked for each call, as tests make it late */
export function skeinIn(folder: () => string): (...args: string[]) => Promise<Outcome> {
  return (...args) =>
    new Promise((resolve) => {
      execFile(process.execPath, [MAIN, ...args], { cwd: folder() }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
}
