/** `skein factorize` as a process of its own: what it writes, prints, and ends with. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModel, writeModel } from '../src/onnx/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { skeinIn } from './run-skein.ts';
import { sharedDir } from './shared.ts';

const IMAGES = ['--data', 'shapes', '--limit', '100'] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-factorize-'));
  const b = new GraphBuilder({ seed: 3 });
  let x = b.input('input', 'float32', ['batch', 3, 16, 16]);
  for (let i = 0; i < 2; i++) x = b.relu(b.batchNorm(b.conv(x, { out: 96, kernel: 3, padding: 1, bias: false })));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: 10 }));
  await writeModel(b.build(), join(folder, 'net.onnx'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const skein = skeinIn(() => folder);

const factorize = (output: string, ...args: string[]) =>
  skein('factorize', 'net.onnx', ...IMAGES, '--threads', '1', '-o', output, ...args);

describe('skein factorize', () => {
  it('splits a layer, fine-tunes, and shows both models side by side', async () => {
    const { code, stdout, stderr } = await factorize('small.onnx', '--target-macs', '2.5x', '--epochs', '1');
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/fine-tune, epoch 1\/1: loss \d/);
    expect(stdout).toMatch(/\/conv2\/Conv +96×96×3×3 +(svd|tucker2|spatial) +[\d,]+ .*for the target/);
    expect(stdout).toMatch(/MACs an image .* 2\.[5-9]\dx fewer/);
    const { graph, metadata } = await readModel(join(folder, 'small.onnx'));
    expect([...graph.initializers.keys()]).toContain('conv2.last.weight');
    expect(JSON.parse(metadata.get('compressed') ?? '')).toMatchObject([{ by: 'skein factorize', epochs: 1 }]);
    // The folder of steps is gone.
    expect((await readdir(folder)).sort()).toEqual(['net.onnx', 'small.onnx']);
  });

  it('prints one JSON object with --json, and takes ranks as they are given', async () => {
    const { code, stdout } = await factorize('given.onnx', '--rank', 'conv2=8,20', '--epochs', '0', '--json');
    expect(code).toBe(0);
    const { layers, before, after } = JSON.parse(stdout);
    expect(layers[1]).toMatchObject({ name: '/conv2/Conv', kind: 'tucker2', ranks: [8, 20] });
    expect(layers[0]).toMatchObject({ name: '/conv1/Conv', why: 'no ranks are given for it' });
    expect(before.macs - after.macs).toBe(256 * (96 * 96 * 9 - (96 * 8 + 8 * 20 * 9 + 20 * 96)));
  });

  it.each([
    [['--target-macs', '100x'], 1, /Cannot factorize down to \S+ M MACs: the best that can be reached is/],
    [['--energy', '0.9', '--evbmf'], 2, /ranks are chosen in one way: received --evbmf and --energy; see skein/],
    [['--rank', 'conv7=3'], 1, /no layer 'conv7' with weights \(did you mean 'conv1'\?\)/],
    [['--rank', 'conv2=3000'], 1, /spatial needs a rank from 1 to 288, received 3000/],
    [['--energy', '1'], 1, /no layer was factorized: '\/conv1\/Conv' \(/],
  ])('refuses %j', async (words, expected, message) => {
    const { code, stderr, stdout } = await factorize('none.onnx', ...words);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toMatch(message);
    expect((await readdir(folder)).filter((name) => name.startsWith('none'))).toEqual([]);
  });

  it.runIf(sharedDir !== undefined)('makes a ResNet-20 smaller that stays a good classifier', async () => {
    const { code, stdout, stderr } = await skein(
      ...['factorize', `${sharedDir}/models/resnet20.onnx`, '--data', `${sharedDir}/data/cifar10-jpeg/train.tar`],
      ...['--limit', '500', '--val', `${sharedDir}/data/cifar10-jpeg/val.tar`, '--epochs', '0'],
      ...['--mean', '0.485,0.456,0.406', '--std', '0.229,0.224,0.225'],
      ...['--target-macs', '1.25x', '--json', '-o', 'resnet20.onnx'],
    );
    expect(code, stderr).toBe(0);
    const { before, after } = JSON.parse(stdout);
    expect(before.macs / after.macs).toBeGreaterThanOrEqual(1.25);
    expect(before.top1 - after.top1).toBeLessThan(0.1);
  });
});
