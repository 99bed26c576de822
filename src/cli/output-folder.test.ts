import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { moveFolder, placeOf, refuseUsedFolder } from './output-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-output-'));
  await mkdir(join(folder, 'made'));
  for (const name of ['plan.json', 'part-1.onnx']) await writeFile(join(folder, 'made', name), name);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (...names: string[]) => join(folder, ...names);

it('placeOf() is the folder however it is written', async () => {
  expect(await placeOf('parts')).toBe('parts');
  expect(await placeOf('parts//')).toBe('parts');
  expect(await placeOf('a/parts/')).toBe('a/parts');
  expect(await placeOf('.')).toBe(process.cwd());
  expect(await placeOf(`${folder}/made/..`)).toBe(folder);
  await symlink('made', at('link'));
  expect(await placeOf(at('link/'))).toBe(at('made'));
  await symlink('nowhere', at('loose'));
  await expect(placeOf(at('loose'))).rejects.toThrow(/is a link that leads nowhere/);
});

it('refuseUsedFolder() takes what is not there, or empty, and nothing else', async () => {
  await mkdir(at('empty'));
  await refuseUsedFolder(at('empty'));
  await refuseUsedFolder(at('none'));
  await expect(refuseUsedFolder(at('made'))).rejects.toThrow(/is a folder with files in it/);
  await expect(refuseUsedFolder(at('made', 'plan.json'))).rejects.toThrow(/is a file/);
});

it.each(['new', 'empty', 'link'])('moveFolder() moves all files to a place that is %s', async (to) => {
  for (const name of ['empty', 'meant']) await mkdir(at(name));
  // As a mount point, a link can neither be removed as a folder is, nor be replaced by one.
  await symlink('meant', at('link'));
  await moveFolder(at('made'), at(to), 'plan.json');
  expect((await readdir(at(to))).sort()).toEqual(['part-1.onnx', 'plan.json']);
  expect(await readFile(at(to, 'plan.json'), 'utf8')).toBe('plan.json');
  expect(await readdir(folder)).not.toContain('made');
  expect(await readdir(folder)).toContain('meant');
});

it('moveFolder() mixes nothing with files that have come meanwhile, and loses nothing', async () => {
  await mkdir(at('used'));
  await writeFile(at('used', 'notes.txt'), 'mine');
  await expect(moveFolder(at('made'), at('used'), 'plan.json')).rejects.toThrow(
    /notes.txt came into it meanwhile.*--resume/,
  );
  expect(await readdir(at('used'))).toEqual(['notes.txt']);
  expect((await readdir(at('made'))).sort()).toEqual(['part-1.onnx', 'plan.json']);
});
