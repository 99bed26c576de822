/** `skein split` as a process of its own: what it writes, prints, and ends with. */
import { spawn } from 'node:child_process';
import { once as closed } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openData } from '../src/data/index.ts';
import { readModel, writeModel } from '../src/onnx/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { feed, openOnnx } from './run-onnx.ts';
import { MAIN, skeinIn } from './run-skein.ts';
import { writeSmallShapes } from './small-shapes.ts';

const NAMES = 'circle,cross;crescent,hexagon';
const WORDS = [
  ...['--data', 'images', '--val', 'images', '--images', '20', '--batch', '16', '--threads', '1'],
  // Whether it is faster is another answer each time.
  ...['--merge', 'never'],
] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-split-'));
  await writeSmallShapes(join(folder, 'images'), 120, 4);
  await writeModel(network(4), join(folder, 'net.onnx'));
  await writeModel(network(7), join(folder, 'seven.onnx'));
  const odd = new GraphBuilder();
  const x = odd.flatten(odd.globalAveragePool(odd.conv(odd.input('input', 'float32', ['n', 3, 32, 32]), CONV)));
  odd.output('logits', odd.mul(odd.linear(x, { out: 4 }), odd.linear(x, { out: 4 })));
  await writeModel(odd.build(), join(folder, 'odd.onnx'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Bytes of a label and its image. */
const RECORD = 1 + 3 * 32 * 32;
const CONV = { out: 16, kernel: 3, stride: 2, padding: 1 } as const;

function network(classes: number) {
  const b = new GraphBuilder({ seed: 3 });
  let y = b.input('input', 'float32', ['batch', 3, 32, 32]);
  for (let i = 0; i < 3; i++) y = b.relu(b.batchNorm(b.conv(y, CONV)));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(y)), { out: classes }));
  return b.build();
}

const skein = skeinIn(() => folder);
const split = (output: string, ...args: string[]) => skein('split', 'net.onnx', ...WORDS, '-o', output, ...args);

interface PlanPart {
  readonly classes: readonly string[];
  readonly scale?: readonly number[];
  readonly bias?: readonly number[];
  readonly node: { readonly model: string };
}

async function planOf(output: string) {
  const plan = JSON.parse(await readFile(join(folder, output, 'plan.json'), 'utf8'));
  return {
    labels: plan.labels as readonly string[],
    ...(plan.root.parallel as {
      readonly other: string;
      readonly priors?: readonly number[];
      readonly parts: readonly PlanPart[];
    }),
  };
}

/** How often the plan's answer is right, by its file and its models alone. */
async function top1Of(output: string): Promise<number> {
  const { labels, parts, other } = await planOf(output);
  const data = await openData(join(folder, 'images'), { split: 'test' });
  const pre = { shape: [3, 32, 32], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
  const scores: number[][] = Array.from({ length: data.size }, () => []);
  for (const { classes, scale, bias, node } of parts) {
    const session = await openOnnx(await readFile(join(folder, output, node.model)));
    for await (const batch of data.batches(pre, data.size)) {
      const outputs = await session.run({ input: feed('float32', batch.data, [batch.count, 3, 32, 32]) });
      const seen = Object.values(outputs)[0] as unknown as { data: Float32Array; dims: readonly number[] };
      for (let row = 0; row < batch.count; row++) {
        const width = seen.dims[1] as number;
        const own = [...seen.data.subarray(row * width, (row + 1) * width)];
        const [rest = 0, ...ofClasses] = width === 1 ? [0, ...own] : own;
        for (const [i, score] of ofClasses.entries()) {
          const against = score - (other === 'subtracted' ? rest : 0);
          const logit = (scale?.[i] ?? 1) * against + (bias?.[i] ?? 0);
          (scores[row] as number[])[labels.indexOf(classes[i] as string)] = logit;
        }
      }
    }
    await session.release();
  }
  const right = scores.filter((row, i) => row.indexOf(Math.max(...row)) === data.label(i)).length;
  await data.close();
  return right / scores.length;
}

describe('skein split', () => {
  it('writes a plan of parts that answer together, and shows them beside the model', async () => {
    const { code, stdout, stderr } = await split('two', '--groups', NAMES, '--epochs', '2');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/part-1 of 2: circle, cross; .*\n(.*\n)*part-2, epoch 2\/2: loss \d.*held out/);
    expect(stdout).toMatch(/part-2.onnx +crescent, hexagon +\d/);
    expect(stdout).toMatch(/parameters of the largest part .* [\d.]+x fewer/);
    expect(stdout).toMatch(/one image, the critical path .* [\d.]+x faster/);
    expect((await readdir(join(folder, 'two'))).sort()).toEqual(['part-1.onnx', 'part-2.onnx', 'plan.json']);
    expect((await readdir(folder)).filter((name) => name.startsWith('two'))).toEqual(['two']);
    const { parts } = await planOf('two');
    expect(parts.map(({ classes }) => classes.join(',')).join(';')).toBe(NAMES);
    const evaluated = await skein('evaluate', 'two/plan.json', '--data', 'images', '--split', 'test', '--json');
    expect(evaluated.code, evaluated.stderr).toBe(0);
    expect(JSON.parse(evaluated.stdout).top1).toBeCloseTo(await top1Of('two'), 12);
  });

  it('writes the parts as one model, too, that answers as the plan does', async () => {
    const { code, stdout, stderr } = await split('merged', '--groups', NAMES, '--epochs', '0', '--merge', 'always');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/the parts, one after another +[\d.]+ ms\n(.*\n)*written: merged\/merged.onnx/);
    expect(await readdir(join(folder, 'merged'))).toContain('merged.onnx');
    const words = ['--data', 'images', '--split', 'test', '--json'];
    const evaluated = await skein('evaluate', 'merged/merged.onnx', ...words);
    expect(evaluated.code, evaluated.stderr).toBe(0);
    expect(JSON.parse(evaluated.stdout).top1).toBeCloseTo(await top1Of('merged'), 12);
  });

  it('trains the parts together, by the answer that they give as one', async () => {
    const words = ['--groups', NAMES, '--epochs', '1', '--joint-epochs', '8', '--rate', '0.1', '--teacher', 'net.onnx'];
    const { code, stderr } = await split('jointly', ...words, '--distill', '0.1');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/part-2, epoch 1\/1: .*\n(.*\n)*all 2 parts together: .* MACs\n/);
    const losses = [...stderr.matchAll(/together, epoch \d\/8: loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(losses).toHaveLength(8);
    expect(losses[7]).toBeLessThan((losses[0] as number) - 0.05);
    const evaluated = await skein('evaluate', 'jointly/plan.json', '--data', 'images', '--split', 'test', '--json');
    expect(JSON.parse(evaluated.stdout).top1).toBeCloseTo(await top1Of('jointly'), 12);
  });

  it('never says other of a single group that was trained as one model', async () => {
    const words = ['--groups', '1', '--epochs', '0', '--joint-epochs', '8', '--rate', '0.1', '--json'];
    const { code, stdout, stderr } = await split('whole-together', ...words);
    expect(code, stderr).toBe(0);
    const { parts, tried } = JSON.parse(stdout);
    const plain = tried.find(({ calibrated }: { calibrated: boolean }) => !calibrated);
    // Classes are equally frequent in the images.
    expect(parts[0].top1).toBeCloseTo(plain.quality.top1, 12);
  });

  it('leaves the parts as they were where training them together made their answer worse', async () => {
    const words = ['--groups', NAMES, '--epochs', '0', '--joint-epochs', '3', '--weight-decay', '50'];
    const { code, stderr } = await split('worse', ...words);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/warning: training the parts together made their answer worse .*: they stay as they were/);
    const plain = await split('plain', '--groups', NAMES, '--epochs', '0');
    expect(plain.code, plain.stderr).toBe(0);
    for (const name of ['part-1.onnx', 'part-2.onnx']) {
      const [left, right] = await Promise.all(['worse', 'plain'].map((at) => readModel(join(folder, at, name))));
      expect(left?.graph.initializers).toEqual(right?.graph.initializers);
    }
  });

  it('splits per class into networks of one logit, with the model as teacher', async () => {
    const { code, stdout, stderr } = await split(
      'single',
      '--groups',
      'per-class',
      '--epochs',
      '1',
      '--distill',
      '--json',
    );
    expect(code, stderr).toBe(0);
    const { parts, before, after, samples, tried } = JSON.parse(stdout);
    expect(parts).toHaveLength(4);
    // Four times fewer MACs are out of reach: half of the channels of each layer are what stays.
    for (const { macs } of parts) expect(macs).toBeLessThan(before.macs / 2);
    expect(after.params).toBe(Math.max(...parts.map(({ params }: { params: number }) => params)));
    expect(after.macs).toBe(parts.reduce((sum: number, part: { macs: number }) => sum + part.macs, 0));
    expect([samples, tried.length]).toEqual([48, 4]);
    const evaluated = await skein('evaluate', 'single/plan.json', '--data', 'images', '--split', 'test', '--json');
    expect(JSON.parse(evaluated.stdout).top1).toBeCloseTo(await top1Of('single'), 12);
  });

  it.each([
    [['--groups', '3', '--target-params', '2x']],
    [['--groups', '3', '--grouping', 'contiguous', '--apoz', '0.73', '--mean-activation', '0.01']],
    [['--groups', '1']],
  ])('takes %j', async (words) => {
    const output = words.join('');
    const { code, stdout, stderr } = await split(output, ...words, '--epochs', '0', '--json');
    expect(code, stderr).toBe(0);
    const { parts, before, after } = JSON.parse(stdout);
    expect(parts.flatMap(({ classes }: { classes: string[] }) => classes)).toHaveLength(4);
    const sizes = parts.map(({ classes }: { classes: string[] }) => classes.length).sort();
    expect(sizes).toEqual(words.includes('1') ? [4] : [1, 1, 2]);
    if (words.includes('--target-params')) expect(after.params).toBeLessThanOrEqual(before.params / 2);
    if (words.includes('contiguous')) expect(parts[0].classes).toEqual(['circle', 'crescent']);
  });

  it('cuts parts as far as they lose no more than --max-drop', async () => {
    const macs: number[] = [];
    for (const drop of ['0', '100']) {
      const { code, stdout, stderr } = await split(
        ...([`drop${drop}`, '--groups', '2', '--max-drop', drop, '--epochs', '0', '--json'] as const),
      );
      expect(code, stderr).toBe(0);
      macs.push(Math.max(...JSON.parse(stdout).parts.map((part: { macs: number }) => part.macs)));
    }
    const smallest = await split('smallest', '--groups', '2', '--target-macs', '1000x', '--epochs', '0');
    const least = Number(/the least that can be reached is (\d+)/.exec(smallest.stderr)?.[1]);
    // Nothing is too much to lose: as small as it can be. Nothing may be lost: not so.
    expect(macs[1]).toBe(least);
    expect(macs[0]).toBeGreaterThan(least);
  });

  it('writes into each part how it came about, and joins them in a time of its own', async () => {
    const words = ['--groups', NAMES, '--target-macs', '2x', '--epochs', '1', '--distill', '--json'];
    const { code, stdout, stderr } = await split('history', ...words);
    expect(code, stderr).toBe(0);
    const { parts, after } = JSON.parse(stdout);
    expect(after.combinationMs).toBeGreaterThan(0);
    const slowest = Math.max(...parts.map(({ latencyMs }: { latencyMs: number }) => latencyMs));
    expect(after.latencyMs).toBe(slowest + after.combinationMs);
    const { metadata } = await readModel(join(folder, 'history', 'part-2.onnx'));
    const history = {
      by: 'skein split',
      model: 'net.onnx',
      epochs: 1,
      seed: 0,
      distill: 0.9,
      targetMacs: { times: 2 },
    };
    expect(JSON.parse(metadata.get('compressed') ?? '')).toMatchObject([
      { ...history, classes: ['crescent', 'hexagon'] },
    ]);
  });

  it('has the frequencies of the classes as priors where they differ', async () => {
    await writeSmallShapes(join(folder, 'uneven'), 120, 4);
    const file = join(folder, 'uneven', 'data_batch_1.bin');
    const whole = await readFile(file);
    const few = whole.subarray(0, whole.length - 5 * RECORD);
    await writeFile(file, few);
    const firsts = Array.from({ length: few.length / RECORD }, (_, i) => few[i * RECORD]);
    const { code, stderr } = await split('priors', '--groups', '2', '--epochs', '0', '--data', 'uneven');
    expect(code, stderr).toBe(0);
    const { labels, priors } = await planOf('priors');
    const frequencies = labels.map((_, c) => firsts.filter((label) => label === c).length / firsts.length);
    expect(new Set(frequencies).size).toBeGreaterThan(1);
    expect(priors).toEqual(frequencies.map((each) => expect.closeTo(each, 12)));
    expect((await planOf('drop0')).priors).toBeUndefined();
  });

  it.each<[string[], number, RegExp]>([
    [['--groups', '5'], 2, /expected from 1 to 4 of them, so that each has a class, received 5/],
    [['--groups', NAMES.replace('cross', 'corss')], 2, /there is no class 'corss': did you mean 'cross'\?/],
    [['--groups', NAMES.replace('cross', 'hexagon')], 2, /expected each class once, 'hexagon' is there twice/],
    [['--groups', NAMES.replace(',cross', '')], 2, /expected every class in one of them, cross missing/],
    [['--groups', NAMES, '--grouping', 'contiguous'], 2, /--grouping says how --groups <k> come about/],
    [['--groups', '2', '--by', 'filters'], 2, /Allowed choices are class/],
    [
      ['--groups', '2', '--target-macs', '1000x'],
      1,
      /Cannot prune to [\d.]+ MACs \(the least that can be reached is \d+\)/,
    ],
    [['--groups', '2', '--target-params', '10M'], 2, /--target-params must be below what the model has/],
    [
      ['--groups', '2', '--max-drop', '1', '--target-params', '2x'],
      2,
      /--max-drop is in place of targets, received --target-params beside it/,
    ],
    [
      ['--groups', '2', '--limit', '3'],
      1,
      /expected images of every class in 'images', split 'train', there are none of/,
    ],
    [['seven.onnx', '--groups', '2'], 1, /The classes of 'images' must be those of the model.*received circle/],
    [['odd.onnx', '--groups', '2'], 1, /Cannot take the classes of 'logits' apart: .*they come from node '\/Mul'/],
    [['--groups', '2', '--teacher', 'odd.onnx'], 1, /Cannot ask 'odd\.onnx' about the classes of a part: .*'\/Mul'/],
    [['resnet8', '--groups', '2'], 2, /<model> must be an .onnx or .skz file, received 'resnet8'/],
  ])('refuses %j', async (words, expected, message) => {
    const [model, rest] = words[0]?.startsWith('--') ? ['net.onnx', words] : [words[0] as string, words.slice(1)];
    const { code, stderr, stdout } = await skein('split', model, ...WORDS, '-o', 'none', '--epochs', '1', ...rest);
    expect({ code, stdout }, stderr).toEqual({ code: expected, stdout: '' });
    expect(stderr).toMatch(message);
    expect((await readdir(folder)).filter((name) => name.startsWith('none'))).toEqual([]);
  });

  it('leaves a folder alone that has something in it, and takes an empty one', async () => {
    await mkdir(join(folder, 'used'));
    await mkdir(join(folder, 'empty'));
    await writeFile(join(folder, 'used', 'notes.txt'), 'mine');
    const used = await split('used', '--groups', '2', '--epochs', '0');
    expect(used).toMatchObject({ code: 2, stderr: expect.stringContaining("'used' is a folder with files in it") });
    const file = await split('used/notes.txt', '--groups', '2', '--epochs', '0');
    expect(file).toMatchObject({ code: 2, stderr: expect.stringContaining("'used/notes.txt' is a file") });
    expect(await readdir(join(folder, 'used'))).toEqual(['notes.txt']);
    const empty = await split('empty', '--groups', '2', '--epochs', '0');
    expect(empty.code, empty.stderr).toBe(0);
    expect(await readdir(join(folder, 'empty'))).toContain('plan.json');
  });

  it.each(['fresh/', 'there/', './there-too/.', 'link'])('takes a folder that is written as %s', async (output) => {
    for (const name of ['there', 'there-too', 'meant']) await mkdir(join(folder, name), { recursive: true });
    if (output === 'link') await symlink('meant', join(folder, 'link'));
    const { code, stderr, stdout } = await split(output, '--groups', '2', '--epochs', '0', '--json');
    expect({ code, output: JSON.parse(stdout || '{}').output }, stderr).toEqual({ code: 0, output });
    expect((await readdir(join(folder, output))).sort()).toEqual(['part-1.onnx', 'part-2.onnx', 'plan.json']);
    expect((await readdir(folder)).filter((name) => /\.(steps|lock)$/.test(name))).toEqual([]);
    if (output === 'link') expect(await readdir(join(folder, 'meant'))).toContain('plan.json');
  });

  /** Sends Ctrl-C once this has been said. */
  async function interrupted(args: readonly string[], once: string): Promise<void> {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (!child.killed && stderr.includes(once)) child.kill('SIGINT');
    });
    const [code] = (await closed(child, 'close')) as [number];
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('--resume') });
  }

  it('goes on after an interruption, to the same bits', async () => {
    const call = (output: string) => ['split', 'net.onnx', ...WORDS, '-o', output, '--groups', NAMES, '--epochs', '20'];
    await interrupted(call('resumed'), 'part-2, epoch 2/20');
    expect(existsSync(join(folder, 'resumed'))).toBe(false);
    const other = await skein(...call('resumed'), '--resume', '--epochs', '19');
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('with another --epochs, 20, received 19') });
    const again = await skein(...call('resumed'));
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('go on with --resume, or remove it') });
    const resumed = await skein(...call('resumed'), '--resume');
    const whole = await skein(...call('whole'));
    expect([resumed.code, whole.code], resumed.stderr + whole.stderr).toEqual([0, 0]);
    expect(resumed.stderr).not.toContain('part-1, epoch');
    const plans = await Promise.all(['resumed', 'whole'].map(planOf));
    expect(plans[0]).toEqual(plans[1]);
    expect((await readdir(folder)).filter((name) => name.startsWith('resumed'))).toEqual(['resumed']);
  });

  it('trains parts at once to the bits that they have one after another, interrupted or not', async () => {
    const call = (output: string, threads: string) => [
      ...['split', 'net.onnx', ...WORDS, '-o', output, '--groups', 'per-class', '--epochs', '6', '--threads', threads],
    ];
    await interrupted(call('together', '2'), 'epoch 2/6');
    const outcomes = [await skein(...call('together', '2'), '--resume'), await skein(...call('alone', '1'))];
    for (const { code, stderr } of outcomes) expect(code, stderr).toBe(0);
    const plans = await Promise.all(['together', 'alone'].map(planOf));
    expect(plans[0]).toEqual(plans[1]);
  });
});
