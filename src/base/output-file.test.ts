import { execFileSync } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomically } from './atomic-file.ts';
import { checkOutputs } from './output-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-output-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe.skipIf(process.platform === 'win32')('what is no regular file', () => {
  it.each([
    ['checkOutputs', (path: string) => checkOutputs([path])],
    ['writeFileAtomically', (path: string) => writeFileAtomically(path, [Buffer.from('x')])],
  ])('%s() refuses a pipe and leaves it there', async (_, write) => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    await expect(write(path)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: `Cannot write '${path}': it must be a regular file, it is a pipe: choose another name`,
    });
    expect((await lstat(path)).isFIFO()).toBe(true);
    expect(await readdir(folder)).toEqual(['pipe']);
  });

  it('writeFileAtomically() refuses a socket, and a link to a pipe', async () => {
    const socket = join(folder, 'socket');
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(socket, resolve));
    await expect(writeFileAtomically(socket, [])).rejects.toThrow('it is a socket');
    await new Promise((resolve) => void server.close(resolve));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    await symlink('pipe', join(folder, 'link'));
    await expect(writeFileAtomically(join(folder, 'link'), [])).rejects.toThrow('it is a pipe');
    expect((await lstat(join(folder, 'link'))).isSymbolicLink()).toBe(true);
  });
});

it('checkOutputs() names a folder that is in the way of any of the files, and the file where the disk is full', async () => {
  await mkdir(join(folder, 'b'));
  const [a, b] = [join(folder, 'a'), join(folder, 'b')];
  await expect(checkOutputs([a, b])).rejects.toMatchObject({
    code: 'invalid-argument',
    message: `Cannot write '${b}': a folder of that name is there: choose another name or remove it`,
  });
  await expect(checkOutputs([a], 2 ** 60)).rejects.toThrow(/^Cannot write '.*\/a': \d+\.0 MiB are needed, /);
  await writeFile(a, 'old');
  await checkOutputs([a, join(folder, 'c')], 1);
  expect(await readdir(folder)).toEqual(['a', 'b']);
});
