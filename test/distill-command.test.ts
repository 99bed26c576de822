/** `skein distill` as a process of its own, and `--distill` of any compression: what they write, print, and end with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runProgram } from '../src/cli/command.ts';
import { compressionCommand, withCompression } from '../src/cli/compression.ts';
import { fineTune } from '../src/compress/index.ts';
import { openData } from '../src/data/index.ts';
import { type Model, Tensor } from '../src/graph/index.ts';
import { readModel } from '../src/onnx/index.ts';
import { buildArchitecture } from '../src/zoo/index.ts';
import { MAIN, skeinIn } from './run-skein.ts';
import { writeSmallShapes } from './small-shapes.ts';

const EMBEDDED = fileURLToPath(new URL('../../models/shapes-small.onnx', import.meta.url));
const LARGER = fileURLToPath(new URL('../../models/shapes-big.onnx', import.meta.url));
const QUICK = ['--data', 'images', '--val', 'images', '--batch', '20', '--threads', '1'] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-distill-'));
  await writeSmallShapes(join(folder, 'images'), 60);
  await copyFile(EMBEDDED, join(folder, 'teacher.onnx'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const skein = skeinIn(() => folder);
const distill = (student: string, ...words: string[]) =>
  skein('distill', student, '--teacher', 'teacher.onnx', ...QUICK, '--epochs', '2', ...words);

/** The weights as bytes, by name. */
async function weightsOf(file: string): Promise<Record<string, string>> {
  const { initializers } = (await readModel(join(folder, file))).graph;
  return Object.fromEntries(
    [...initializers].map(([name, { bytes }]) => [name, Buffer.from(bytes).toString('base64')]),
  );
}

describe('skein distill', () => {
  it('trains an architecture, which gets its images as the teacher does, and holds it against the teacher', async () => {
    const { code, stdout, stderr } = await distill('lenet5', '-o', 'made.onnx', '--json');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ output: 'made.onnx', teacher: 'teacher.onnx', temperature: 4, weight: 0.9 });
    // The embedded model's size, as models/README.md has it; LeNet-5 on 32×32×3: 62,006.
    expect([report.before.params, report.after.params]).toEqual([10_960, 62_006]);
    const { metadata } = await readModel(join(folder, 'made.onnx'));
    const teacher = await readModel(join(folder, 'teacher.onnx'));
    for (const key of ['labels', 'mean', 'std']) expect(metadata.get(key)).toBe(teacher.metadata.get(key));
    expect(JSON.parse(metadata.get('compressed') ?? '')).toEqual([
      {
        by: 'skein distill',
        model: 'lenet5',
        epochs: 2,
        seed: 0,
        teacher: 'teacher.onnx',
        temperature: 4,
        weight: 0.9,
      },
    ]);
    expect(existsSync(join(folder, 'made.onnx.steps'))).toBe(false);
  });

  it('teaches by a hint first with --fitnets, of which nothing stays in the model', async () => {
    const made = await distill('resnet8:width=0.25', '--fitnets', '--augment', 'none', '-o', 'fit.onnx');
    expect(made).toMatchObject({ code: 0 });
    expect(made.stderr).toMatch(/^hint: '.*' \(6×32×32, after \d+ % of the MACs\) of the teacher, for '.*' \(4×32×32/);
    expect(made.stderr).toMatch(/^hint, epoch 1\/1: loss [\d.]+, [\d.]+ s$/m);
    const plain = buildArchitecture('resnet8:width=0.25', { classes: 10, inputShape: [3, 32, 32], seed: 0 });
    const fit = await readModel(join(folder, 'fit.onnx'));
    expect([...fit.graph.initializers.keys()].sort()).toEqual([...plain.graph.initializers.keys()].sort());
    expect(fit.graph.outputs.map(({ name }) => name)).toEqual(['logits']);
  });

  it('goes on after Ctrl-C to the same weights', async () => {
    const words = ['lenet5', '--augment', 'flip', '--epochs', '4'];
    expect((await distill(...(words as [string]), '-o', 'whole.onnx')).code).toBe(0);
    const call = ['distill', ...words, '--teacher', 'teacher.onnx', ...QUICK, '-o', 'half.onnx'];
    const child = spawn(process.execPath, [MAIN, ...call], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (chunk: Buffer) => {
      if (!child.killed && `${chunk}`.includes('epoch 1/')) child.kill('SIGINT');
    });
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    expect(existsSync(join(folder, 'half.onnx'))).toBe(false);
    expect((await skein(...call, '--resume')).code).toBe(0);
    expect(await weightsOf('half.onnx')).toEqual(await weightsOf('whole.onnx'));
  });

  it.each<[string, string[], number, string]>([
    ['a teacher that is no file', ['--teacher', 'resnet8'], 2, "--teacher must be a model's file, received 'resnet8'"],
    ['a teacher that is not there', ['--teacher', 'no.onnx'], 1, "Cannot read model 'no.onnx': there is no such file"],
    ['a word of FitNets without it', ['--hint', 'x'], 2, '--hint is of --fitnets, which was not asked for'],
    ['a value that is none', ['--fitnets', '--hint', 'logits'], 2, "The teacher has no value 'logits' of floats"],
    ['another value that is none', ['--fitnets', '--guided', 'x'], 2, "The student has no value 'x' of floats"],
    ['a weight above 1', ['--weight', '1.5'], 2, 'Expected a number from 0 to 1.'],
    ['an output that is the teacher', ['-o', 'teacher.onnx'], 2, '--output must be another file'],
    ['other classes', ['--data', 'shapes:classes=100'], 1, 'must be those of the model, in the same order'],
  ])('refuses %s on one line', async (_, words, code, message) => {
    const before = await readFile(join(folder, 'teacher.onnx'));
    const refused = await distill('lenet5', '-o', 'never.onnx', ...words);
    expect(refused).toMatchObject({ code, stdout: '' });
    expect(refused.stderr.trimEnd().split('\n').at(-1)).toMatch(/^error: /);
    expect(refused.stderr).toContain(message);
    expect(existsSync(join(folder, 'never.onnx'))).toBe(false);
    expect(await readFile(join(folder, 'teacher.onnx'))).toEqual(before);
  });
});

describe('--distill', () => {
  /** A compression that makes nothing smaller. */
  const run = (...words: string[]): Promise<number> => {
    const command = compressionCommand(withCompression(new Command('keep'), { epochs: 1 }), async (context) => ({
      model: await context.fineTune('tuned', context.model),
    }));
    const output = ['-o', join(folder, 'tuned.onnx')];
    const quick = QUICK.map((word) => (word === 'images' ? join(folder, word) : word));
    const call = ['keep', join(folder, 'teacher.onnx'), ...quick, '--augment', 'none', '--json', ...output, ...words];
    return runProgram(new Command('skein').addCommand(command), call);
  };
  const bytes = ({ graph }: Model) =>
    [...graph.initializers].map(([name, { bytes: of }]) => [name, Buffer.from(of).toString('base64')]);

  it.each([
    ['the model itself', 'teacher.onnx', []],
    ['another model', 'other.onnx', ['--teacher', 'other.onnx']],
  ])('fine-tunes with %s as teacher', async (_, teacher, words) => {
    await copyFile(LARGER, join(folder, 'other.onnx'));
    expect(await run('--distill', '0.7', ...words.map((word) => word.replace('other', join(folder, 'other'))))).toBe(0);
    const tuned = await readModel(join(folder, 'tuned.onnx'));
    expect(JSON.parse(tuned.metadata.get('compressed') ?? '').at(-1)).toMatchObject({ by: 'skein keep', distill: 0.7 });
    const taughtBy = await readModel(join(folder, teacher));
    const model = await readModel(join(folder, 'teacher.onnx'));
    const data = await openData(join(folder, 'images'), { seed: 0, preferredSplits: ['train'] });
    const validation = await openData(join(folder, 'images'), { split: 'test' });
    const preprocessing = { shape: [3, 32, 32], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
    const options = {
      training: data,
      validation,
      preprocessing,
      epochs: 1,
      batch: 20,
      rate: 0.01,
      seed: 0,
      threads: 1,
      augmentation: {},
      loss: 'cross-entropy',
      schedule: 'cosine',
      optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
    } as const;

    const lesson = {
      kind: 'scores',
      teacher: { model: taughtBy, preprocessing },
      temperature: 4,
      weight: 0.7,
    } as const;
    const expected = await fineTune(model, { ...options, lesson });
    expect(bytes(tuned)).toEqual(bytes(expected));
    expect(bytes(tuned)).not.toEqual(bytes(await fineTune(model, options)));
    await Promise.all([data.close(), validation.close()]);
  });

  it('has a share of 0.9 unless told', async () => {
    expect(await run('--distill')).toBe(0);
    const { metadata } = await readModel(join(folder, 'tuned.onnx'));
    expect(JSON.parse(metadata.get('compressed') ?? '').at(-1)).toMatchObject({ distill: 0.9 });
    expect(await run('--teacher', join(folder, 'teacher.onnx'))).toBe(0);
    const again = await readModel(join(folder, 'tuned.onnx'));
    expect(JSON.parse(again.metadata.get('compressed') ?? '').at(-1)).toMatchObject({ distill: 0.9 });
  });

  it('has a share from 0 to 1', async () => {
    expect(await run('--distill', '2')).toBe(2);
  });
});

it('a compression whose scores are no numbers writes nothing', async () => {
  const command = compressionCommand(withCompression(new Command('blow-up'), { epochs: 0 }), async ({ model }) => {
    const initializers = new Map(model.graph.initializers);
    for (const [name, tensor] of initializers) {
      if (tensor.dtype !== 'float32') continue;
      const huge = tensor.float32s().map((value) => 1e38 * Math.sign(value));
      initializers.set(name, Tensor.float32(tensor.dims, huge));
    }
    return { model: { ...model, graph: { ...model.graph, initializers } } };
  });
  const data = QUICK.map((word) => (word === 'images' ? join(folder, word) : word));
  const call = ['blow-up', join(folder, 'teacher.onnx'), ...data, '-o', join(folder, 'huge.onnx')];
  const lines: string[] = [];
  const told = vi.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  const code = await runProgram(new Command('skein').addCommand(command), call).finally(() => told.mockRestore());
  expect([code, lines.at(-1)]).toEqual([1, expect.stringContaining('the scores of the model are no numbers any more')]);
  expect(existsSync(join(folder, 'huge.onnx'))).toBe(false);
  expect(existsSync(join(folder, 'huge.onnx.steps'))).toBe(false);
});
