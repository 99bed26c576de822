import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Stages } from '../compress/index.ts';
import { checkUnfinished, wordsOf } from './unfinished.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-steps-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const words = wordsOf('split', 'net.onnx', { epochs: 3, output: 'parts' });

it('checkUnfinished() goes on with the same words alone, and only where that is said', async () => {
  await new Stages(folder, words).value('one', [], async () => 1);
  await checkUnfinished(folder, words, true);
  await expect(checkUnfinished(folder, words, false)).rejects.toThrow(/go on with --resume, or remove it/);
  const other = { ...words, epochs: 4 };
  await expect(checkUnfinished(folder, other, true)).rejects.toThrow(/with another --epochs, 3, received 4/);
});

it.each([true, false])(
  'checkUnfinished() begins anew where a call was killed before anything was kept, --resume %s',
  async (resume) => {
    // As a kill leaves it between making the folder and naming what says whose it is.
    await checkUnfinished(folder, words, resume);
    await writeFile(join(folder, 'about.json.4711-0a1b2c3d.tmp'), '{"comm');
    await checkUnfinished(folder, words, resume);
  },
);

it.each([true, false])('checkUnfinished() leaves a folder alone that is of no call, --resume %s', async (resume) => {
  await writeFile(join(folder, 'notes.txt'), 'mine');
  await expect(checkUnfinished(folder, words, resume)).rejects.toThrow(/holds 'notes.txt' and no steps of a call/);
});
