import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkWritable, makeFolder, writeError } from './writable-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-writable-'));
  await writeFile(join(folder, 'file'), 'x');
});
afterEach(() => rm(folder, { recursive: true }));

describe('checkWritable()', () => {
  it('leaves nothing behind, whether the folder is there or not', async () => {
    await checkWritable(folder);
    await checkWritable(join(folder, 'a', 'b'));
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('says what is in the way', async () => {
    const refusal = (path: string, size?: number) => checkWritable(path, size).catch((error: unknown) => error);
    expect(await refusal(join(folder, 'file'))).toMatchObject({
      code: 'invalid-argument',
      message: `Cannot write into '${join(folder, 'file')}': it is a file; name a folder`,
    });
    expect(await refusal(join(folder, 'file', 'x'))).toMatchObject({
      message: `Cannot write '${join(folder, 'file', 'x')}': a part of the path is a file: choose another place`,
    });
    await symlink(join(folder, 'nowhere'), join(folder, 'link'));
    expect(await refusal(join(folder, 'link'))).toMatchObject({ message: expect.stringContaining('is there') });
    expect(await refusal(join(folder, 'new'), 2 ** 60)).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/1099511627776\.0 MiB are needed, [\d.]+ MiB are free/),
    });
    expect((await readdir(folder)).sort()).toEqual(['file', 'link']);
  });

  it.skipIf(!existsSync('/proc/self'))('does not try for ever where nobody can make a folder', async () => {
    const message = "Cannot write '/proc/skein/x': no folder can be made there: choose another place";
    await expect(checkWritable('/proc/skein/x')).rejects.toMatchObject({ code: 'invalid-argument', message });
  });
});

it('makeFolder() tells which folders it made', async () => {
  const [a, b] = [join(folder, 'a'), join(folder, 'a', 'b')];
  expect(await makeFolder(b)).toEqual([a, b]);
  expect(await makeFolder(b)).toEqual([]);
});

it('writeError() says what to do, and leaves other errors as they are', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  expect(writeError('out/plan.json', full)).toMatchObject({
    name: 'SkeinError',
    code: 'unavailable',
    message: "Cannot write 'out/plan.json': the disk is full: free some space or choose another place",
    cause: full,
  });
  const other = new Error('x');
  expect(writeError('out', other)).toBe(other);
});
