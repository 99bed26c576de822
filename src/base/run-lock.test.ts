import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockOutput } from './run-lock.ts';

const LOCK = new URL('./run-lock.js', import.meta.url).href;
const HOLD = `(await import(${JSON.stringify(LOCK)})).lockOutput(process.argv[1]).then(() => console.log('held'))`;

let folder: string;
let output: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-lock-'));
  output = join(folder, 'out.onnx');
});
afterEach(() => rm(folder, { recursive: true }));

/** A process that holds the lock until it is killed. */
async function holder() {
  const args = ['--input-type=module', '-e', `${HOLD}; setInterval(() => {}, 1000)`, output];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

it('lockOutput() refuses what another process has, by its number, and takes over what a killed one left', async () => {
  const child = await holder();
  await expect(lockOutput(output)).rejects.toMatchObject({
    code: 'unavailable',
    message: `Cannot write '${output}': another run, process ${child.pid}, is writing it: wait for its end or choose another name`,
  });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(existsSync(`${output}.lock`)).toBe(true);
  const lock = await lockOutput(output);
  expect(await readFile(`${output}.lock`, 'latin1')).toMatch(new RegExp(`^${process.pid}\\b`));
  lock.release();
  expect(await readdir(folder)).toEqual([]);
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'lockOutput() is given back by %s, which ends the process as ever',
  async (signal) => {
    const child = await holder();
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([null, signal]);
    expect(await readdir(folder)).toEqual([]);
  },
);

it('lockOutput() is given back at the end of the process', async () => {
  execFileSync(process.execPath, ['--input-type=module', '-e', HOLD, output]);
  expect(await readdir(folder)).toEqual([]);
});

it('lockOutput() takes over what is empty, no number, or of a process whose number was given again', async () => {
  const contents = ['', 'x'];
  // The start of this process is not that.
  if (process.platform === 'linux') contents.push(`${process.pid} 1`);
  for (const content of contents) {
    await writeFile(`${output}.lock`, content);
    (await lockOutput(output)).release();
  }
  const lock = await lockOutput(output);
  await expect(lockOutput(output)).rejects.toThrow(`process ${process.pid}, is writing it`);
  lock.release();
});

it('lockOutput() goes to one of several that find what a killed process left', async () => {
  await writeFile(`${output}.lock`, '999999999 1');
  const outcomes = await Promise.all(
    Array.from(
      { length: 4 },
      () =>
        new Promise<string>((resolve) => {
          const args = ['--input-type=module', '-e', `${HOLD}; setTimeout(() => {}, 3000)`, output];
          execFile(process.execPath, args, (error, stdout) => resolve(error === null ? stdout.trim() : 'refused'));
        }),
    ),
  );
  expect(outcomes.sort()).toEqual(['held', 'refused', 'refused', 'refused']);
});

it('lockOutput() makes the folder, and removes it where nothing was written', async () => {
  const inside = join(folder, 'a', 'b', 'out.onnx');
  (await lockOutput(inside)).release();
  expect(await readdir(folder)).toEqual([]);
  const lock = await lockOutput(inside);
  await writeFile(inside, 'x');
  lock.release();
  expect(await readdir(join(folder, 'a', 'b'))).toEqual(['out.onnx']);
});
