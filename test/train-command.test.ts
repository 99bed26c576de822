/** `skein train` and `skein gradient` as processes of their own: what they write, print, and end with. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../src/graph/index.ts';
import { readModel, writeModel } from '../src/onnx/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { feed, runOnnx } from './run-onnx.ts';
import { MAIN, type Outcome, skeinIn } from './run-skein.ts';
import { writeSmallModel } from './small-models.ts';

const IMAGES = ['--data', 'shapes', '--limit', '100'] as const;
const QUICK = [...IMAGES, '--epochs', '1', '--threads', '1'] as const;
/** Class names of `shapes`. */
const SHAPES = 'circle,crescent,cross,hexagon,pentagon,ring,semicircle,square,star,triangle';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-train-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const skein = skeinIn(() => folder);

/** Ends the command by a signal once it has said `word`. */
async function stopped(word: string, signal: NodeJS.Signals, ...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  const watch = (): void => {
    // Once: the second Ctrl-C ends it at once.
    if (!child.killed && `${stdout}${stderr}`.includes(word)) child.kill(signal);
  };
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    watch();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    watch();
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

const initialized = async (name: string): Promise<Model['graph']['initializers']> =>
  (await readModel(join(folder, name))).graph.initializers;

describe('skein train', () => {
  it('writes a model that evaluate, pair and serve take as it is', async () => {
    const trained = await skein('train', 'lenet5', ...QUICK, '--rate', '0.02', '-o', 'made.onnx');
    expect(trained).toMatchObject({ code: 0, stdout: expect.stringMatching(/^made\.onnx: the weights of epoch 1, /) });
    // No terminal: no progress line.
    expect(trained.stderr).not.toContain('\r');
    expect(trained.stderr).toMatch(/\nepoch 1\/1: loss \d/);
    expect(trained.stderr).toContain(
      "mean 0.485,0.456,0.406 and std 0.229,0.224,0.225 (ImageNet's; --mean and --std say others), 1 epoch of 1 step at",
    );

    const { metadata, graph } = await readModel(join(folder, 'made.onnx'));
    expect(metadata.get('labels')).toBe(JSON.stringify(SHAPES.split(',')));
    expect(JSON.parse(metadata.get('trained') ?? '')).toMatchObject({
      by: 'skein train',
      epoch: 1,
      images: 100,
      rate: 0.02,
      weightDecay: 5e-4,
      momentum: 0.9,
      threads: 1,
      keep: 'best',
    });
    expect(graph.inputs[0]?.type?.dims?.[0]).toBeTypeOf('string');

    const log = (await readFile(join(folder, 'made.log.jsonl'), 'utf8')).trim().split('\n');
    expect(log.map((line) => JSON.parse(line))).toMatchObject([{ epoch: 1, epochs: 1, training: { images: 100 } }]);

    const evaluated = await skein('evaluate', 'made.onnx', ...IMAGES, '--json');
    expect(evaluated).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(evaluated.stdout).samples).toBe(100);
    await copyFile(join(folder, 'made.onnx'), join(folder, 'again.onnx'));
    const paired = await skein('pair', 'made.onnx', 'again.onnx', ...IMAGES, '-o', 'pair', '--json');
    expect(JSON.parse(paired.stdout)).toHaveProperty('verdict');
    const served = await stopped('ready http', 'SIGTERM', 'serve', 'made.onnx', '--port', '0', '--grpc-port', '0');
    expect(served.code, served.stderr).toBe(0);
  });

  it('prints one JSON object with --json', async () => {
    const { code, stdout, stderr } = await skein('train', 'lenet5', ...QUICK, '-o', 'json.onnx', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.match(/\n/g)).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({
      output: 'json.onnx',
      parameters: 62006,
      kept: 'best',
      last: { epoch: 1, training: { images: 100 }, validation: { images: 2000 } },
    });
  });

  it('saves at Ctrl-C and goes on with --resume to the same bytes', async () => {
    const words = ['train', 'lenet5', ...IMAGES, '--epochs', '10', '--batch', '16', '--threads', '1', '--keep', 'last'];
    const whole = await skein(...words, '-o', 'whole.onnx');
    expect(whole.code, whole.stderr).toBe(0);
    const interrupted = await stopped('epoch 2/10', 'SIGINT', ...words, '-o', 'broken.onnx');
    expect(interrupted).toMatchObject({ code: 1, stdout: '' });
    expect(interrupted.stderr).toMatch(
      /\nerror: stopped in epoch \d+ after step \d+ of 70: repeat the call with --resume to go on from 'broken\.checkpoint'\n$/,
    );
    const other = await skein(...words, '--rate', '0.01', '-o', 'broken.onnx', '--resume');
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error: The checkpoint is of a run with rate 0.02, not 0.01: repeat'),
    });
    const resumed = await skein(...words, '-o', 'broken.onnx', '--resume');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/, going on in epoch \d+ at batch \d+\n/);
    expect(await readFile(join(folder, 'broken.onnx'))).toEqual(await readFile(join(folder, 'whole.onnx')));
    const epochs = (await readFile(join(folder, 'broken.log.jsonl'), 'utf8')).trim().split('\n');
    expect(epochs.map((line) => JSON.parse(line).epoch)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('says that nothing was begun at Ctrl-C before the first step', async () => {
    const { metadata: _, ...bare } = await readModel(join(folder, 'whole.onnx'));
    await writeModel({ ...bare, metadata: new Map() }, join(folder, 'bare.onnx'));
    // The warning of the guess comes before anything is opened.
    const call = ['train', 'bare.onnx', ...IMAGES, '--epochs', '1', '-o', 'unbegun.onnx'];
    expect(await stopped('guessed', 'SIGINT', ...call)).toMatchObject({
      code: 130,
      stderr: expect.stringMatching(/\nerror: stopped before the first step: nothing was begun, nothing is saved\n$/),
    });
    expect((await readdir(folder)).filter((name) => name.startsWith('unbegun'))).toEqual([]);
  });

  it('loses little where it is killed in the middle of an epoch', async () => {
    const words = ['train', 'lenet5', '--data', 'shapes', '--limit', '1000', '--epochs', '1', '--batch', '8'];
    const call = [...words, '--threads', '1', '--keep', 'last', '--checkpoint-every', '0'];
    expect((await skein(...call, '-o', 'unbroken.onnx')).code).toBe(0);
    const child = spawn(process.execPath, [MAIN, ...call, '-o', 'killed.onnx'], { cwd: folder, stdio: 'ignore' });
    const ended = once(child, 'close');
    while (!existsSync(join(folder, 'killed.checkpoint')) && child.exitCode === null) await setTimeout(5);
    child.kill('SIGKILL');
    await ended;
    expect(existsSync(join(folder, 'killed.onnx'))).toBe(false);
    expect((await skein(...call, '-o', 'killed.onnx')).stderr).toMatch(
      /^error: 'killed\.checkpoint' is of a run that was not finished: go on with --resume, or remove it; see skein train --help\n$/,
    );
    const resumed = await skein(...call, '-o', 'killed.onnx', '--resume');
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/, going on in epoch 1 at batch (?!1\n)\d+\n/);
    expect(await readFile(join(folder, 'killed.onnx'))).toEqual(await readFile(join(folder, 'unbroken.onnx')));
  });

  it('keeps the last checkpoint, from which a finished run goes on, and gives way to a new one', async () => {
    const words = ['train', 'lenet5', ...IMAGES, '--batch', '16', '--threads', '1', '-o', 'longer.onnx', '--json'];
    const run = async (...more: string[]) => {
      const { code, stdout, stderr } = await skein(...words, ...more);
      return { code, stderr, report: code === 0 ? JSON.parse(stdout) : undefined };
    };
    expect(await run('--epochs', '2')).toMatchObject({ code: 0, stderr: '', report: { last: { epoch: 2 } } });
    const longer = await run('--epochs', '3', '--keep', 'both', '--resume');
    expect(longer).toMatchObject({ code: 0, report: { last: { epoch: 3 }, outputLast: 'longer.last.onnx' } });
    expect(longer.stderr).toBe(
      'warning: the run was begun with 2 epochs and now has 3: from here on the rates are those of --schedule cosine over 3\n',
    );
    const recipe = async (file: string) =>
      JSON.parse((await readModel(join(folder, file))).metadata.get('trained') ?? '');
    expect(await recipe('longer.last.onnx')).toMatchObject({ epoch: 3, keep: 'last' });
    expect(await recipe('longer.onnx')).toMatchObject({ epoch: longer.report.best.epoch, keep: 'best' });
    // The last epoch's weights are in the checkpoint.
    const last = await readFile(join(folder, 'longer.last.onnx'));
    await rm(join(folder, 'longer.last.onnx'));
    expect(await run('--epochs', '3', '--keep', 'both', '--resume')).toMatchObject({ code: 0, stderr: '' });
    expect(await readFile(join(folder, 'longer.last.onnx'))).toEqual(last);
    expect(await run('--epochs', '2', '--resume')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: The checkpoint is of epoch 3: [^\n]*received 2\n$/m),
    });
    expect(await run('--epochs', '1')).toMatchObject({ code: 0, stderr: '', report: { last: { epoch: 1 } } });
  });

  it('says so where the model is not the best epoch so far', async () => {
    const words = ['train', 'lenet5', ...IMAGES, '--schedule', 'constant', '--threads', '1', '-o', 'switch.onnx'];
    expect((await skein(...words, '--epochs', '1', '--keep', 'last')).code).toBe(0);
    // Of a checkpoint that is refused only that is said.
    expect(await skein(...words, '--epochs', '2', '--resume', '--momentum', '0.8', '--limit', '50')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'error: The checkpoint is of a run with optimizer.momentum 0.9, not 0.8, training.images 100, not 50: repeat the call that made it, or begin anew\n',
    });
    const { code, stderr } = await skein(...words, '--epochs', '2', '--resume');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(
      /^warning: 'switch\.onnx' does not hold the best epoch so far, 1: kept is the best from here on\n/,
    );
  });

  it('writes the model before the checkpoint: what comes between costs nothing but time', async () => {
    const words = ['train', 'lenet5', ...QUICK, '-o', 'folder.onnx'];
    const child = spawn(process.execPath, [MAIN, ...words], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      // In the way only once the training is under way.
      if (stderr.includes('to train on')) mkdirSync(join(folder, 'folder.onnx'), { recursive: true });
    });
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(stderr).toMatch(/\nerror: Cannot write 'folder\.onnx': a folder of that name is there/);
    expect(existsSync(join(folder, 'folder.checkpoint'))).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')('loses nothing where there is no room to save', async () => {
    const words = ['train', 'lenet5', ...IMAGES, '--schedule', 'constant', '--batch', '25', '--threads', '1'];
    const call = [...words, '--checkpoint-every', '0', '-o', 'room.onnx'];
    expect((await skein(...call, '--epochs', '1')).code).toBe(0);
    const before = await readFile(join(folder, 'room.checkpoint'));
    // A file may have 600 blocks of 512 bytes: enough for the model and not for the checkpoint.
    const shell = 'trap "" XFSZ; ulimit -f 600; exec "$@"';
    const more = [...call, '--epochs', '2', '--resume'];
    const [code, stderr] = await new Promise<[unknown, string]>((resolve) => {
      execFile('sh', ['-c', shell, 'sh', process.execPath, MAIN, ...more], { cwd: folder }, (error, _, said) =>
        resolve([error?.code ?? 0, said]),
      );
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /\nwarning: Cannot write 'room\.checkpoint': .*; the training goes on without this checkpoint\n/,
    );
    expect(stderr).toMatch(
      /\nerror: Cannot write 'room\.checkpoint': .*; the last good checkpoint is 'room\.checkpoint'\n$/,
    );
    expect(await readFile(join(folder, 'room.checkpoint'))).toEqual(before);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect((await skein(...more)).code).toBe(0);
    await skein(...words, '--checkpoint-every', '9', '--epochs', '2', '-o', 'roomy.onnx');
    expect(await readFile(join(folder, 'room.onnx'))).toEqual(await readFile(join(folder, 'roomy.onnx')));
  });

  it('refuses a checkpoint whose bytes have changed, and one of images that have', async () => {
    const { default: sharp } = await import('sharp');
    const image = (color: string) =>
      sharp({ create: { width: 8, height: 8, channels: 3, background: color } })
        .png({ compressionLevel: 0 })
        .toBuffer();
    for (const [name, color] of [
      ['a', '#200000'],
      ['b', '#002000'],
    ] as const) {
      await mkdir(join(folder, 'colors', name), { recursive: true });
      for (let i = 0; i < 5; i++) await writeFile(join(folder, 'colors', name, `${i}.png`), await image(color));
    }
    const words = ['train', 'lenet5', '--data', 'colors', '--threads', '1', '-o', 'colors.onnx'];
    expect((await skein(...words, '--epochs', '1')).code).toBe(0);
    const resume = () => skein(...words, '--epochs', '2', '--resume');
    const path = join(folder, 'colors.checkpoint');
    const bytes = await readFile(path);
    await writeFile(path, bytes.with(bytes.length >> 1, (bytes[bytes.length >> 1] as number) ^ 4));
    expect(await resume()).toMatchObject({
      code: 1,
      stderr:
        "error: Cannot read checkpoint 'colors.checkpoint': its bytes are not those that were written; put a whole copy in its place, or remove it and begin anew\n",
    });
    await writeFile(path, bytes);
    await writeFile(join(folder, 'colors', 'a', '3.png'), await image('#210000'));
    expect(await resume()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error: The checkpoint is of a run with other training images: repeat'),
    });
    await writeFile(join(folder, 'colors', 'a', '3.png'), await image('#200000'));
    expect((await resume()).code).toBe(0);
  });

  it('learns at the rate that suits the family, and says so where it has learned nothing', async () => {
    const words = ['train', 'lenet5', '--data', 'shapes', '--limit', '4000', '--batch', '32', '--augment', 'none'];
    const run = (...more: string[]) => skein(...words, '--epochs', '1', '--threads', '1', '-o', 'rate.onnx', ...more);
    const usual = await run();
    expect(usual.stderr).toMatch(/ steps at a rate up to 0\.02, /);
    expect(usual.stderr).not.toContain('warning');
    const high = await run('--rate', '0.1');
    expect(high.code).toBe(0);
    expect(high.stderr).toMatch(
      /\nwarning: after epoch 1 the loss, 2\.\d+, is still that of guessing, ln 10 = 2\.303, at a rate of 0\.1: if it stays there try a lower --rate, 0\.01 say, /,
    );
    // A tenth of what fresh weights take.
    const finer = await skein('train', 'rate.onnx', ...QUICK, '-o', 'finer.onnx');
    expect(finer.stderr).toMatch(/ of 1 step at a rate up to 0\.01, /);
    expect(JSON.parse((await readModel(join(folder, 'finer.onnx'))).metadata.get('trained') ?? '').rate).toBe(0.01);
  });

  it('trains a model of one score on data of two classes', async () => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['batch', 3, 8, 8]);
    b.output('score', b.linear(b.flatten(b.globalAveragePool(x)), { out: 1 }));
    await writeModel(b.build(), join(folder, 'one.onnx'));
    const { default: sharp } = await import('sharp');
    for (const [name, background] of [
      ['dark', '#202020'],
      ['light', '#e0e0e0'],
    ] as const) {
      await mkdir(join(folder, 'shades', name), { recursive: true });
      const png = await sharp({ create: { width: 8, height: 8, channels: 3, background } })
        .png()
        .toBuffer();
      for (let i = 0; i < 10; i++) await writeFile(join(folder, 'shades', name, `${i}.png`), png);
    }
    const words = ['train', 'one.onnx', '--data', 'shades', '--augment', 'none', '--rate', '0.5', '--json'];
    const { code, stdout, stderr } = await skein(...words, '--loss', 'bce', '-o', 'score.onnx');
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout).last.training.accuracy).toBe(1);
    expect((await readModel(join(folder, 'score.onnx'))).metadata.get('labels')).toBe('["dark","light"]');
    const evaluated = await skein('evaluate', 'score.onnx', '--data', 'shades', '--json');
    expect(JSON.parse(evaluated.stdout), evaluated.stderr).toMatchObject({ samples: 20, top1: 1 });
    await copyFile(join(folder, 'score.onnx'), join(folder, 'second.onnx'));
    const paired = await skein('pair', 'score.onnx', 'second.onnx', '--data', 'shades', '-o', 'pair1', '--json');
    expect(JSON.parse(paired.stdout), paired.stderr).toHaveProperty('verdict');
    const served = await stopped('ready http', 'SIGTERM', 'serve', 'score.onnx', '--port', '0', '--grpc-port', '0');
    expect(served.code, served.stderr).toBe(0);
    const again = await skein('train', 'score.onnx', ...words.slice(2), '--loss', 'bce', '-o', 'twice.onnx');
    expect(again.code, again.stderr).toBe(0);
    expect(await skein(...words, '--loss', 'cross-entropy', '-o', 'score.onnx')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cross-entropy needs a score for each class, it has a single one: take bce'),
    });
    expect(await skein('train', 'one.onnx', ...QUICK, '--loss', 'bce', '-o', 'never.onnx')).toMatchObject({ code: 1 });
  });

  it('stops where the numbers are none any more, and keeps the last good checkpoint and model', async () => {
    const failed = await skein('train', 'lenet5', ...IMAGES, '--epochs', '5', '--rate', '1e6', '-o', 'nan.onnx');
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(
      /\nerror: The (loss .*is .*|weights are no numbers any more) at step \d of 5 with a learning rate of [\d.e+]+: try a lower one, a warm-up, or clipping; the last good checkpoint is 'nan\.checkpoint'\n$/,
    );
    for (const [name, tensor] of await initialized('nan.onnx')) {
      if (tensor.dtype === 'float32') expect(tensor.float32s().every(Number.isFinite), name).toBe(true);
    }
    expect((await readFile(join(folder, 'nan.checkpoint'))).length).toBeGreaterThan(2 * 62006 * 4);
  });

  it('calls no epoch good whose answers to the held-out images are no numbers', async () => {
    const words = ['lenet5', '--data', 'shapes', '--limit', '512', '--epochs', '2', '--rate', '100', '--threads', '1'];
    const { code, stderr } = await skein('train', ...words, '-o', 'diverged.onnx');
    expect(code).toBe(1);
    expect(stderr).not.toContain('(best)');
    // The rate of the last of four steps, 3 from 0 of 8: 100 (1 + cos(3/8 π)) / 2.
    expect(stderr).toMatch(
      /\nerror: The loss on the held-out images is NaN at step 4 of 8 with a learning rate of 69\.1: try a lower one, [^;\n]*\n$/,
    );
    for (const name of ['diverged.onnx', 'diverged.checkpoint'])
      expect(existsSync(join(folder, name)), name).toBe(false);
  });

  it('leaves what is frozen as it was to the bit', async () => {
    const small = await writeSmallModel(join(folder, 'small.onnx'), { classes: 10 });
    const options = ['--freeze', 'conv*', '-o', 'tuned.onnx', '--mean', '0,0,0', '--std', '1,1,1'];
    expect((await skein('train', small, ...QUICK, ...options)).code).toBe(0);
    const [before, after] = [await initialized('small.onnx'), await initialized('tuned.onnx')];
    const same = [...before.keys()].filter((name) =>
      Buffer.from(after.get(name)?.bytes ?? []).equals(before.get(name)?.bytes ?? Buffer.of(1)),
    );
    expect(same).toEqual(['conv1.weight', 'conv1.bias']);
  });

  it('leaves corrupt images out, names them, and refuses more than one in a hundred', async () => {
    const square = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>';
    const { default: sharp } = await import('sharp');
    const png = await sharp(Buffer.from(square)).png().toBuffer();
    for (const name of ['a', 'b']) {
      await mkdir(join(folder, 'files', name), { recursive: true });
      for (let i = 0; i < 60; i++) await writeFile(join(folder, 'files', name, `${i}.png`), png);
    }
    await writeFile(join(folder, 'files', 'a', '7.png'), png.subarray(0, 40));
    const train = () => skein('train', 'lenet5', '--data', 'files', '--epochs', '1', '-o', 'files.onnx');
    const one = await train();
    expect(one.code, one.stderr).toBe(0);
    expect(one.stderr).toMatch(/\nwarning: 1 of 120 images cannot be read and were left out: .*7\.png.*\n$/);
    await writeFile(join(folder, 'files', 'b', '8.png'), '');
    const two = await train();
    expect(two.code).toBe(1);
    expect(two.stderr).toMatch(/\nerror: [^\n]*files[^\n]*\n$/);
  });
});

/** Models that `skein train` cannot take, written to the folder. */
async function writeOddModels(): Promise<void> {
  const write = (name: string, make: (b: GraphBuilder, x: string) => string, change = (model: Model) => model) => {
    const b = new GraphBuilder();
    b.output('logits', make(b, b.input('x', 'float32', ['batch', 3, 8, 8])));
    return writeModel(change(b.build()), join(folder, name));
  };
  const plain = (b: GraphBuilder, x: string) => b.linear(b.flatten(b.globalAveragePool(x)), { out: 10 });
  await write('old.onnx', plain, (model) => ({ ...model, opsets: new Map([['', 6]]) }));
  await write('two.onnx', (b, x) => b.add(plain(b, x), b.input('z', 'float32', ['batch', 10])));
  await write('rounded.onnx', (b, x) => b.op('Round', [plain(b, x)]));
  await write('weightless.onnx', (b, x) => b.op('ReduceMean', [x], { axes: [2, 3], keepdims: 0 }));
}

describe('skein train says in a line what is wrong', () => {
  beforeAll(writeOddModels);

  it.each<[string, string[], number, RegExp]>([
    ['a rate that is no number', ['lenet5', '--rate', 'much'], 2, /--rate .*Expected a number from/],
    ['a rate of 0', ['lenet5', '--rate', '0'], 2, /--rate .*Expected a number from/],
    [
      'milestones in epochs',
      ['lenet5', '--schedule', 'step', '--milestones', '30,60'],
      2,
      /--milestones must be shares of the training between 0 and 1, received 30,60; divide epochs/,
    ],
    ['milestones of another schedule', ['lenet5', '--milestones', '0.5'], 2, /--milestones is of --schedule step/],
    [
      'a warm-up that is too long',
      ['lenet5', '--warmup', '1'],
      2,
      /--warmup must be shorter than the 1 epochs of training, received 1/,
    ],
    [
      'a warm-up of one-cycle',
      ['lenet5', '--schedule', 'one-cycle', '--warmup', '0.5'],
      2,
      /--warmup is of the other schedules/,
    ],
    ['an output that is no model', ['lenet5', '-o', 'made.txt'], 2, /--output must end in \.onnx/],
    [
      'no checkpoint',
      ['lenet5', '--resume', '-o', 'new.onnx'],
      1,
      /Cannot read checkpoint 'new\.checkpoint': there is no such file/,
    ],
    [
      'other classes',
      ['lenet5', '--labels', 'a,b'],
      1,
      /classes of 'shapes' must be those of the model, .* expected a, b; received circle/,
    ],
    [
      'the classes in another order',
      ['lenet5', '--labels', SHAPES.split(',').toReversed().join(',')],
      1,
      /in the same order: expected triangle, star, .*; received circle/,
    ],
    [
      'class weights of other classes',
      ['lenet5', '--class-weights', '1,2'],
      2,
      /--class-weights needs 10 numbers, received 2/,
    ],
    [
      'smoothing of another loss',
      ['lenet5', '--loss', 'bce', '--label-smoothing', '0.1'],
      2,
      /--label-smoothing is of --loss cross-entropy, received --loss bce/,
    ],
    ['weights of another loss', ['lenet5', '--loss', 'mse', '--class-weights', 'balanced'], 2, /--class-weights is of/],
    [
      'class weights that are all 0',
      ['lenet5', '--class-weights', '0,0,0,0,0,0,0,0,0,0'],
      2,
      /--class-weights must be from 0, and some above it, received 0,0,0/,
    ],
    [
      'a momentum of AdamW',
      ['lenet5', '--optimizer', 'adamw', '--momentum', '0.9'],
      2,
      /--momentum is of --optimizer sgd, received --optimizer adamw/,
    ],
    ["Nesterov's of AdamW", ['lenet5', '--optimizer', 'adamw', '--no-nesterov'], 2, /--no-nesterov is of --optimizer/],
    [
      'a crop in another base',
      ['lenet5', '--augment', 'crop=0x4'],
      2,
      /Expected a number from 0 after '=' in 'crop=0x4'/,
    ],
    ['a crop larger than the image', ['lenet5', '--augment', 'crop=33'], 2, /for crop .* from 0 to 32, .* received 33/],
    ['a hole larger than the image', ['lenet5', '--augment', 'cutout=40'], 2, /for cutout .* 0 to 32, .* received 40/],
    [
      'a mean without a deviation',
      ['lenet5', '--mean', '0,0,0'],
      2,
      /--mean needs --std beside it, received --mean alone/,
    ],
    [
      'a deviation without a mean',
      ['lenet5', '--std', '1,1,1'],
      2,
      /--std needs --mean beside it, received --std alone/,
    ],
    [
      'means of other channels',
      ['lenet5', '--mean', '0.5', '--std', '1,1,1'],
      2,
      /mean: expected 3 numbers, received \[0\.5\]/,
    ],
    ['deviations of 0', ['lenet5', '--std', '0,1,1'], 2, /--std .*Expected numbers above 0/],
    ['means of other channels than a file has', ['two.onnx', '--mean', '0.5', '--std', '1'], 1, /one input/],
    [
      'means of other channels than a model has',
      ['weightless.onnx', '--mean', '0.5', '--std', '1'],
      2,
      /mean and std .* 3 numbers/,
    ],
    [
      'a best epoch of no held-out images',
      ['lenet5', '--keep', 'best', '--split', 'val'],
      2,
      /--keep best needs held-out/,
    ],
    [
      'a device that is not there',
      ['lenet5', '--device', 'cuda'],
      1,
      /cannot use the device 'cuda': .*; take the device cpu/,
    ],
    ['a hue that is too far', ['lenet5', '--augment', 'hue=0.7'], 2, /jitter hue a number from 0 to 0\.5/],
    [
      'a place where no file can be',
      ['lenet5', '-o', '/proc/a.onnx'],
      1,
      /Cannot write '\/proc\/a.onnx': no file can be made/,
    ],
    ['an unknown layer to freeze', ['lenet5', '--freeze', 'conv9*'], 2, /--freeze: no initializer is called 'conv9\*'/],
    ['everything frozen', ['lenet5', '--freeze', '*'], 1, /all of its 10 trainable initializers are frozen/],
    ['an unknown architecture', ['lenet6'], 2, /no architecture 'lenet6' \(did you mean 'lenet/],
    ['an old operator set', ['old.onnx'], 1, /from operator set 6 to 13: it must use 7 or newer; export it anew/],
    ['two inputs', ['two.onnx'], 1, /must have one input/],
    ['no gradient', ['rounded.onnx'], 1, /the loss depends on no parameter/],
    ['no weights', ['weightless.onnx', '--labels', 'r,g,b'], 1, /must be those of the model/],
  ])('%s', async (_, words, code, message) => {
    const output = words.includes('-o') ? [] : ['-o', 'never.onnx'];
    const outcome = await skein('train', ...words, ...QUICK, ...output);
    expect(outcome.stderr).toMatch(message);
    const errors = outcome.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('warning: '));
    expect(errors).toEqual([expect.stringMatching(/^error: /)]);
    expect(outcome).toMatchObject({ code, stdout: '' });
  });

  it('and shifts small images by no more than fits, unless told', async () => {
    const small = ['train', 'tiny.onnx', ...QUICK, '-o', 'tiny-made.onnx'];
    const b = new GraphBuilder();
    b.output('logits', b.linear(b.flatten(b.input('x', 'float32', ['batch', 3, 2, 2])), { out: 10 }));
    await writeModel(b.build(), join(folder, 'tiny.onnx'));
    const told = await skein(...small, '--augment', 'crop=4,flip');
    expect(told).toMatchObject({ code: 2, stderr: expect.stringMatching(/for crop .* received 4/) });
    const untold = await skein(...small);
    expect(untold.code, untold.stderr).toBe(0);
    const { metadata } = await readModel(join(folder, 'tiny-made.onnx'));
    expect(JSON.parse(metadata.get('trained') ?? '').augment).toEqual({ crop: 1, flip: true });
  });

  it('data without images', async () => {
    await mkdir(join(folder, 'empty', 'a'), { recursive: true });
    const { code, stderr } = await skein('train', 'lenet5', '--data', 'empty', '-o', 'never.onnx');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: Cannot read data 'empty': expected images [^\n]*found none\n$/);
  });
});

describe('skein gradient', () => {
  it('says that an architecture is no file, and that a seed is of training', async () => {
    const made = ['--loss', 'cross-entropy', '-o', 'never.onnx'];
    expect(await skein('gradient', 'resnet20', ...made)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: <model> must be an \.onnx or \.skz file, received 'resnet20'/),
    });
    await writeSmallModel(join(folder, 'net.onnx'));
    expect(await skein('gradient', 'net.onnx', ...made, '--seed', '1')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: --seed is of --mode train, received --mode eval/),
    });
  });

  it('takes the seed of dropout, whose masks follow from it', async () => {
    const b = new GraphBuilder();
    b.output('y', b.linear(b.dropout(b.flatten(b.input('x', 'float32', ['batch', 1, 16, 16])), 0.5), { out: 3 }));
    await writeModel(b.build(), join(folder, 'dropping.onnx'));
    const made = async (seed: string): Promise<Buffer> => {
      const words = ['dropping.onnx', '--loss', 'mse', '--mode', 'train', '-o', 'dropped.onnx', '--seed', seed];
      expect(await skein('gradient', ...words)).toMatchObject({ code: 0 });
      return readFile(join(folder, 'dropped.onnx'));
    };
    const first = await made('1');
    expect(await made('1')).toEqual(first);
    expect(await made('2')).not.toEqual(first);
  });

  it('writes a model that ONNX Runtime runs, its outputs named after the parameters', async () => {
    await writeSmallModel(join(folder, 'net.onnx'));
    const words = ['gradient', 'net.onnx', '--loss', 'cross-entropy', '--inputs', '-o', 'grad.onnx', '--json'];
    const { code, stdout, stderr } = await skein(...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const names = [
      'loss',
      'logits',
      'grad.conv1.weight',
      'grad.conv1.bias',
      'grad.fc1.weight',
      'grad.fc1.bias',
      'grad.input',
    ];
    expect(JSON.parse(stdout).outputs).toEqual(names);
    const feeds = (labels: bigint[]) => ({
      input: feed('float32', new Float32Array(2 * 192).fill(0.5), [2, 3, 8, 8]),
      labels: feed('int64', BigInt64Array.from(labels), [labels.length]),
    });
    const bytes = await readFile(join(folder, 'grad.onnx'));
    const outputs = await runOnnx(bytes, feeds([0n, 3n]));
    expect(Object.keys(outputs)).toEqual(names);
    expect(outputs['grad.conv1.weight']?.dims).toEqual([8, 3, 3, 3]);
    expect(outputs['grad.input']?.dims).toEqual([2, 3, 8, 8]);
    for (const labels of [[0n, 4n], [0n, -1n], [0n]]) {
      await expect(runOnnx(bytes, feeds(labels))).rejects.toThrow(/labels must be \[\w+\] from 0 to 3/);
    }
  });

  it.each<[string, string[], number, RegExp]>([
    ['no loss', ['net.onnx'], 2, /'--loss <loss>' not specified/],
    [
      'an unknown initializer',
      ['net.onnx', '--loss', 'mse', '--wrt', 'conv1.wieght'],
      2,
      /no initializer is called 'conv1\.wieght' \(did you mean 'conv1\.weight'\?\)/,
    ],
    [
      'no way for a gradient',
      ['rounded.onnx', '--loss', 'mse'],
      1,
      /no gradient comes from the loss to any of its parameters/,
    ],
    [
      'no way to one',
      ['rounded.onnx', '--loss', 'mse', '--wrt', 'fc1.bias'],
      1,
      /Cannot differentiate by 'fc1\.bias': no gradient comes/,
    ],
    ['no weights', ['weightless.onnx', '--loss', 'mse'], 1, /it has no trainable initializer/],
    ['an old operator set', ['old.onnx', '--loss', 'mse'], 1, /from operator set 6 to 13: it must use 7 or newer/],
  ])('says in a line what is wrong: %s', async (_, words, code, message) => {
    const outcome = await skein('gradient', ...words, '-o', 'never.onnx');
    expect(outcome).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(/^error: [^\n]*\n$/) });
    expect(outcome.stderr).toMatch(message);
  });
});
