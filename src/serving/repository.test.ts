import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openRepository } from './repository.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-repository-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(...files: readonly string[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), '');
  }
}

const list = async (path = folder) => {
  const repository = await openRepository(path, async (file) => `name of ${file.slice(folder.length + 1)}`);
  return (await repository.list()).map(({ name, versions }) => [
    name,
    ...versions.map((each) => `${each.version}: ${each.path.slice(folder.length + 1)}`),
  ]);
};

it('finds versions in the layout of Triton and single models in the short ones', async () => {
  await put('a/1/model.onnx', 'a/10/model.onnx', 'a/9/plan.json', 'a/config.pbtxt', 'a/0/model.onnx', 'a/x/model.onnx');
  await put('b.onnx', 'c/plan.json', 'd/model.onnx', '.hidden/model.onnx', 'notes.txt', 'e/1/other.txt');
  expect(await list()).toEqual([
    ['a', '1: a/1/model.onnx', '9: a/9/plan.json', '10: a/10/model.onnx'],
    ['b', '1: b.onnx'],
    ['c', '1: c/plan.json'],
    ['d', '1: d/model.onnx'],
  ]);
});

it('takes a .skz file wherever an .onnx may stand, and the .onnx where there are both', async () => {
  await put('a.skz', 'b/model.skz', 'c/2/model.skz', 'd.skz', 'd.onnx', 'e/model.skz', 'e/model.onnx', 'f.data');
  expect(await list()).toEqual([
    ['a', '1: a.skz'],
    ['b', '1: b/model.skz'],
    ['c', '2: c/2/model.skz'],
    ['d', '1: d.onnx'],
    ['e', '1: e/model.onnx'],
  ]);
});

it('a file is served under the name that it gives itself, and so is the folder of a plan', async () => {
  await put('p/plan.json', 'm.onnx');
  expect(await list(join(folder, 'm.onnx'))).toEqual([['name of m.onnx', '1: m.onnx']]);
  expect(await list(join(folder, 'p'))).toEqual([['name of p/plan.json', '1: p/plan.json']]);
});

it('the fingerprint changes with the file', async () => {
  await put('m.onnx');
  const repository = await openRepository(folder, async () => '');
  const fingerprint = async () => (await repository.list())[0]?.versions[0]?.fingerprint;
  const before = await fingerprint();
  expect(await fingerprint()).toBe(before);
  await utimes(join(folder, 'm.onnx'), 1, 1);
  expect(await fingerprint()).not.toBe(before);
});

it('the fingerprint of a plan changes with the models beside it', async () => {
  await put('p/plan.json', 'p/small.onnx');
  const repository = await openRepository(folder, async () => '');
  const fingerprint = async () => (await repository.list())[0]?.versions[0]?.fingerprint;
  const before = await fingerprint();
  await utimes(join(folder, 'p/small.onnx'), 1, 1);
  expect(await fingerprint()).not.toBe(before);
});

it('says what is wrong with a path', async () => {
  await expect(list(join(folder, 'missing'))).rejects.toThrow(/no such file or folder/);
  await expect(list()).rejects.toThrow(/expected models as .* found none/);
});
