/** `skein prune` as a process of its own: what it writes, prints, and ends with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Tensor } from '../src/graph/index.ts';
import { readModel, writeModel } from '../src/onnx/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { MAIN, skeinIn } from './run-skein.ts';
import { sharedDir } from './shared.ts';

const IMAGES = ['--data', 'shapes', '--limit', '100', '--images', '50', '--threads', '1'] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-prune-'));
  const b = new GraphBuilder({ seed: 3 });
  let x = b.input('input', 'float32', ['batch', 3, 16, 16]);
  const conv = (from: string) => b.batchNorm(b.conv(from, { out: 16, kernel: 3, padding: 1, bias: false }));
  x = b.relu(conv(x));
  x = b.relu(b.add(conv(b.relu(conv(x))), x));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: 10 }));
  await writeModel(b.build(), join(folder, 'net.onnx'));
  const wide = new GraphBuilder();
  let y = wide.input('input', 'float32', ['batch', 3, 16, 16]);
  for (let i = 0; i < 3; i++) y = wide.relu(wide.conv(y, { out: 128, kernel: 3, padding: 1 }));
  wide.output('logits', wide.linear(wide.flatten(wide.globalAveragePool(y)), { out: 10 }));
  await writeModel(wide.build(), join(folder, 'wide.onnx'));
  const flat = new GraphBuilder();
  flat.output('logits', flat.linear(flat.flatten(flat.input('input', 'float32', ['batch', 3, 16, 16])), { out: 10 }));
  await writeModel(flat.build(), join(folder, 'linear.onnx'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const skein = skeinIn(() => folder);

const prune = (output: string, ...args: string[]) => skein('prune', 'net.onnx', ...IMAGES, '-o', output, ...args);

describe('skein prune', () => {
  it('prunes in rounds, fine-tunes, and shows both models side by side', async () => {
    const { code, stdout, stderr } = await prune('small.onnx', '--rounds', '2', '--round-epochs', '1', '--epochs', '1');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/round-1, epoch 1\/1: loss \d.*\n(.*\n)*fine-tune, epoch 1\/1: loss \d/);
    expect(stdout).toMatch(/conv2 +16 +(8|removed)\n/);
    expect(stdout).toContain("left alone: fc1.weight, since 'logits' is an output of the graph");
    expect(stdout).toMatch(/MACs an image .* [2-9]\.\d\dx fewer/);
    const { graph, metadata } = await readModel(join(folder, 'small.onnx'));
    // It has been narrowed, or gone with its block.
    expect(JSON.parse(metadata.get('compressed') ?? '')).toHaveLength(1);
    expect(graph.initializers.get('conv2.weight')?.dims[0]).not.toBe(16);
    expect(JSON.parse(metadata.get('compressed') ?? '')).toMatchObject([{ by: 'skein prune', importance: 'taylor' }]);
    // The folder of steps is gone.
    expect((await readdir(folder)).filter((name) => name.startsWith('small'))).toEqual(['small.onnx']);
    const again = await skein(
      'prune',
      'small.onnx',
      ...IMAGES,
      '-o',
      'smaller.onnx',
      '--epochs',
      '0',
      '--multiple',
      '1',
    );
    expect(again.code, again.stderr).toBe(0);
  });

  it('says what is written when it is stopped while both are measured', async () => {
    const args = ['prune', 'net.onnx', '--data', 'shapes', '--limit', '20000', '--images', '50', '--epochs', '0'];
    const child = spawn(process.execPath, [MAIN, ...args, '-o', 'measured.onnx'], { cwd: folder });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const seen = setInterval(() => {
      if (!child.killed && existsSync(join(folder, 'measured.onnx'))) child.kill('SIGINT');
    }, 5);
    const [code] = (await once(child, 'close')) as [number];
    clearInterval(seen);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("stopped while both were measured: 'measured.onnx' is"),
    ]);
    expect(existsSync(join(folder, 'measured.onnx.steps'))).toBe(false);
  });

  it('prunes to a latency, by the same share of every layer', async () => {
    const words = [
      '--target-latency',
      '2x',
      '--scope',
      'layer',
      '--epochs',
      '0',
      '--rounds',
      '1',
      '--importance',
      'l1',
      '--json',
    ];
    const { code, stdout, stderr } = await skein('prune', 'wide.onnx', ...IMAGES, '-o', 'fast.onnx', ...words);
    expect(code, stderr).toBe(0);
    const { before, after } = JSON.parse(stdout);
    expect(after.macs).toBeLessThan(before.macs / 1.5);
    // Both took turns; what the machine does meets both.
    expect(before.latencyMs / after.latencyMs).toBeGreaterThan(1.6);
  });

  it.each([
    [['--target-macs', '1000x'], 1, /Cannot prune to \d+ MACs \(the least that can be reached is \d+\): /],
    [['--target-macs', '0.5', '--target-params', '10M'], 2, /--target-params must be below what the model has, 5\d+;/],
    [['--importance', 'beauty'], 2, /Allowed choices are taylor, l1, /],
    [['--multiple', '0'], 2, /Expected a whole number from 1/],
  ])('refuses %j', async (words, expected, message) => {
    const { code, stderr, stdout } = await prune('none.onnx', ...words);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toMatch(message);
    expect((await readdir(folder)).filter((name) => name.startsWith('none'))).toEqual([]);
  });

  it('removes whole blocks where it is told to, and none where it is told not to', async () => {
    const words = [
      '--target-macs',
      '0.34',
      '--keep',
      '0',
      '--epochs',
      '0',
      '--json',
      '--rounds',
      '1',
      '--importance',
      'l2',
    ];
    const shallow = await prune('shallow.onnx', ...words, '--blocks', '1');
    expect(shallow.code, shallow.stderr).toBe(0);
    expect(shallow.stderr).not.toContain('without the block');
    expect(JSON.parse(shallow.stdout)).toMatchObject({
      blocks: 1,
      layers: [{ after: 16 }, { after: 0 }, { after: 0 }],
    });
    const deep = await prune('deep.onnx', ...words, '--blocks', '0');
    expect(JSON.parse(deep.stdout)).toMatchObject({ blocks: 0 });
  });

  it('refuses a model that is quantised', async () => {
    const b = new GraphBuilder();
    const x = b.input('input', 'float32', ['batch', 3, 16, 16]);
    const [scale, zero] = [
      b.constant(Tensor.float32([], Float32Array.of(0.1))),
      b.constant(Tensor.of('uint8', [], [0])),
    ];
    const rounded = b.op('DequantizeLinear', [b.op('QuantizeLinear', [x, scale, zero]), scale, zero]);
    const y = b.globalAveragePool(b.relu(b.conv(rounded, { out: 16, kernel: 3 })));
    b.output('logits', b.linear(b.flatten(y), { out: 10 }));
    await writeModel(b.build(), join(folder, 'int8.onnx'));
    const { code, stderr } = await skein('prune', 'int8.onnx', ...IMAGES, '-o', 'no.onnx');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/it is quantised.*prune first, then quantise/)]);
  });

  it('refuses a model that has nothing to prune', async () => {
    const { code, stderr } = await skein('prune', 'linear.onnx', ...IMAGES, '-o', 'none.onnx');
    expect(code).toBe(1);
    expect(stderr).toMatch(/Cannot prune the model: none of its channels can be removed \('logits' is an output/);
  });

  it('refuses a model of one score for two classes', async () => {
    const b = new GraphBuilder();
    const x = b.relu(b.conv(b.input('input', 'float32', ['batch', 3, 16, 16]), { out: 16, kernel: 3 }));
    b.output('logit', b.linear(b.flatten(b.globalAveragePool(x)), { out: 1 }));
    await writeModel(b.build(), join(folder, 'one.onnx'));
    const { default: sharp } = await import('sharp');
    for (const name of ['dark', 'light']) {
      await mkdir(join(folder, 'shades', name), { recursive: true });
      const background = name === 'dark' ? '#202020' : '#e0e0e0';
      await sharp({ create: { width: 16, height: 16, channels: 3, background } }).toFile(
        join(folder, 'shades', name, '1.png'),
      );
    }
    const { code, stderr } = await skein('prune', 'one.onnx', '--data', 'shades', '-o', 'no.onnx');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/Cannot compress 'one.onnx': it has one score for two/)]);
  });

  it('goes on after an interruption', async () => {
    const words = ['--rounds', '2', '--round-epochs', '1', '--epochs', '30'];
    const call = (output: string) => ['prune', 'net.onnx', ...IMAGES, '-o', output, ...words];
    const args = call('resumed.onnx');
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (!child.killed && stderr.includes('round-1, epoch 1/1')) child.kill('SIGINT');
    });
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('--resume') });
    const other = await skein(...args, '--resume', '--epochs', '29', '--threads', '2');
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('with another --epochs, 30, received 29') });
    const [{ code: second, stderr: told }, whole] = await Promise.all([
      skein(...args, '--resume'),
      skein(...call('whole.onnx')),
    ]);
    expect(second, told).toBe(0);
    expect(whole.code, whole.stderr).toBe(0);
    expect(told).not.toContain('round-1, epoch');
    // The same weights as without the interruption.
    const [resumed, uninterrupted] = await Promise.all(
      ['resumed.onnx', 'whole.onnx'].map(async (file) => (await readModel(join(folder, file))).graph),
    );
    for (const [name, tensor] of uninterrupted?.initializers ?? []) {
      expect(resumed?.initializers.get(name)?.elements(), name).toEqual(tensor.elements());
    }
  });

  it.runIf(sharedDir !== undefined)('makes a ResNet-20 smaller that stays a good classifier', async () => {
    const { code, stdout, stderr } = await skein(
      ...['prune', `${sharedDir}/models/resnet20.onnx`, '--data', `${sharedDir}/data/cifar10-jpeg/train.tar`],
      ...['--limit', '300', '--images', '300', '--val', `${sharedDir}/data/cifar10-jpeg/val.tar`, '--epochs', '0'],
      ...['--mean', '0.485,0.456,0.406', '--std', '0.229,0.224,0.225'],
      ...['--target-macs', '0.85', '--json', '-o', 'resnet20.onnx'],
    );
    expect(code, stderr).toBe(0);
    const { before, after } = JSON.parse(stdout);
    expect(after.macs / before.macs).toBeLessThanOrEqual(0.85);
    expect(before.top1).toBeGreaterThan(0.87);
    // Chance is 0.1.
    expect(after.top1).toBeGreaterThan(0.6);
  });
});
