/** What commands write over, and what they refuse to: as processes of their own. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, lstat, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModel, writeModel } from '../src/onnx/index.ts';
import { writeSmallModel } from './small-models.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const DATA = ['--data', 'shapes', '--limit', '40', '--threads', '1'] as const;
const TRAIN = [...DATA, '--epochs', '1'] as const;
const ROUNDS = ['--epochs', '1000', '--batch', '16'] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-outputs-'));
  await writeSmallModel(join(folder, 'net.onnx'), { classes: 10, channels: 32 });
  const model = await readModel(join(folder, 'net.onnx'));
  await writeModel(model, join(folder, 'ext.onnx'), { externalData: { file: 'weights.onnx', thresholdBytes: 1 } });
  await copyFile(join(folder, 'weights.onnx'), join(folder, 'weights'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const at = (name: string) => join(folder, name);

async function skein(...args: string[]): Promise<{ code: number; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: folder, timeout: 60_000 }, (error, _, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stderr });
    });
  });
}

/** A command under way that has said `word`. */
async function begun(word: string, ...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, stderr }));
  await new Promise<void>((resolve) => {
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (stderr.includes(word)) resolve();
    });
    child.on('close', () => resolve());
  });
  return { child, ended };
}

describe("a model's own weights are not written over", () => {
  it.each([
    ['gradient', ['gradient', 'ext.onnx', '--loss', 'cross-entropy']],
    ['unpack', ['unpack', 'ext.onnx']],
    ['train', ['train', 'ext.onnx', ...TRAIN]],
    ['prune', ['prune', 'ext.onnx', ...TRAIN]],
  ])('skein %s', async (_, words) => {
    const { code, stderr } = await skein(...words, '-o', 'weights.onnx');
    const line = "--output must be another file than those of 'ext.onnx', received 'weights.onnx'";
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(line) });
    expect(await readFile(at('weights.onnx'))).toEqual(await readFile(at('weights')));
  });
});

describe('skein train keeps from writing over what it reads', () => {
  it.each([
    ['its model as the last epoch', ['a.last.onnx', ...TRAIN, '--keep', 'both'], 'a.last.onnx'],
    ['its images as the checkpoint', ['lenet5', '--data', 'a.checkpoint'], 'a.checkpoint'],
    ['its held-out images as the log', ['lenet5', ...TRAIN, '--val', 'a.log.jsonl'], 'a.log.jsonl'],
  ])('%s', async (_, words, name) => {
    await copyFile(at('net.onnx'), at(name));
    const { code, stderr } = await skein('train', ...words, '-o', 'a.onnx');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(new RegExp(`--output must .*, received '${name}'`)),
    });
    expect(await readFile(at(name))).toEqual(await readFile(at('net.onnx')));
    await rm(at(name));
  });

  it.each(['f.onnx', 'f.checkpoint', 'f.log.jsonl'])(
    'a folder in the place of %s is said in one line',
    async (name) => {
      await mkdir(at(name));
      const { code, stderr } = await skein('train', 'lenet5', ...TRAIN, '-o', 'f.onnx');
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `error: Cannot write '${name}': a folder of that name is there: choose another name or remove it\n`,
      });
      await rm(at(name), { recursive: true });
    },
  );

  it.skipIf(process.platform === 'win32')('a pipe in the place of the log', async () => {
    execFileSync('mkfifo', [at('p.log.jsonl')]);
    const { code, stderr } = await skein('train', 'lenet5', ...TRAIN, '-o', 'p.onnx');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('it is a pipe') });
    expect((await lstat(at('p.log.jsonl'))).isFIFO()).toBe(true);
  });
});

describe('two runs with the same output', () => {
  it('the second of skein train is refused by the number of the first, and a killed one gives way', async () => {
    const { child, ended } = await begun('epoch 1/', 'train', 'lenet5', ...DATA, ...ROUNDS, '-o', 'two.onnx');
    const second = await skein('train', 'lenet5', ...TRAIN, '-o', 'two.onnx');
    expect(second).toEqual({
      code: 1,
      stderr: expect.stringContaining(`another run, process ${child.pid}, is writing it`),
    });
    child.kill('SIGKILL');
    await ended;
    await rm(at('two.checkpoint'));
    expect(await skein('train', 'lenet5', ...TRAIN, '-o', 'two.onnx')).toMatchObject({ code: 0 });
    expect(existsSync(at('two.onnx.lock'))).toBe(false);
  });

  it('of skein prune, too', async () => {
    const words = ['prune', 'net.onnx', ...DATA, '--target-params', '2x', '--rounds', '1', '-o', 'pruned.onnx'];
    const { child, ended } = await begun('epoch 1/', ...words, ...ROUNDS);
    const second = await skein(...words, '--epochs', '1');
    expect(second).toEqual({
      code: 1,
      stderr: expect.stringContaining(`another run, process ${child.pid}, is writing it`),
    });
    child.kill('SIGHUP');
    expect(await ended).toMatchObject({ code: 1, stderr: expect.stringContaining('--resume') });
    expect((await readdir(folder)).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });
});

it('skein train leaves a checkpoint when its terminal is closed', async () => {
  const { child, ended } = await begun('epoch 1/', 'train', 'lenet5', ...DATA, ...ROUNDS, '-o', 'gone.onnx');
  // A shell passes it on as well as the system.
  child.kill('SIGHUP');
  child.kill('SIGHUP');
  expect(await ended).toMatchObject({
    code: 1,
    signal: null,
    stderr: expect.stringContaining('with --resume to go on'),
  });
});
