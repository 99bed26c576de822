import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeFileAtomically, writePending } from './atomic-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-atomic-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('writeFileAtomically() replaces what was there', async () => {
  const path = join(folder, 'file');
  await writeFile(path, 'old');
  await writeFileAtomically(path, [Buffer.from('ne'), Buffer.from('w')]);
  expect(await readFile(path, 'utf8')).toBe('new');
  expect(await readdir(folder)).toEqual(['file']);
});

it('writeFileAtomically() leaves the old file where writing fails', async () => {
  const path = join(folder, 'file');
  await writeFile(path, 'old');
  function* chunks() {
    yield Buffer.from('half');
    throw new Error('no space');
  }
  await expect(writeFileAtomically(path, chunks())).rejects.toThrow('no space');
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder)).toEqual(['file']);
});

it('writeFileAtomically() says what to do where the system refuses', async () => {
  const inside = join(folder, 'none', 'file');
  await expect(writeFileAtomically(inside, [])).rejects.toMatchObject({
    code: 'invalid-argument',
    message: `Cannot write '${inside}': there is no such folder: make it or choose another place`,
  });
  await mkdir(join(folder, 'taken', 'x'), { recursive: true });
  await expect(writeFileAtomically(join(folder, 'taken'), [])).rejects.toMatchObject({
    message: expect.stringContaining('a folder of that name is there'),
  });
  expect(await readdir(folder)).toEqual(['taken']);
});

it('writePending() shows nothing under the name before commit()', async () => {
  const path = join(folder, 'file');
  const pending = await writePending(path, [Buffer.from('x')]);
  await expect(readFile(path)).rejects.toThrow(/ENOENT/);
  await pending.discard();
  expect(await readdir(folder)).toEqual([]);
});

it('writeFileAtomically() takes away what killed writers of the same file left, and nothing else', async () => {
  const [dead, alive] = ['999999999', process.pid];
  for (const name of [`file.${dead}-01234567.tmp`, `file.${alive}-01234567.tmp`, `other.${dead}-01234567.tmp`]) {
    await writeFile(join(folder, name), 'half');
  }
  await writeFileAtomically(join(folder, 'file'), [Buffer.from('x')]);
  expect((await readdir(folder)).sort()).toEqual(
    ['file', `file.${alive}-01234567.tmp`, `other.${dead}-01234567.tmp`].sort(),
  );
});
