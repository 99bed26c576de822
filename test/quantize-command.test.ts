/** `skein quantize` as a process of its own: what it writes, prints, and ends with; what the other commands make of that. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModel, writeModel } from '../src/onnx/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { skeinIn } from './run-skein.ts';

const DATA = ['--data', 'shapes', '--limit', '60'] as const;
/** Class names of `shapes`. */
const SHAPES = 'circle,crescent,cross,hexagon,pentagon,ring,semicircle,square,star,triangle';

const skein = skeinIn(() => folder);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-quantize-'));
  const b = new GraphBuilder({ seed: 5 });
  const x = b.input('input', 'float32', ['batch', 3, 16, 16]);
  let y = b.relu(b.batchNorm(b.conv(x, { out: 16, kernel: 3, padding: 1, bias: false })));
  y = b.relu(b.add(b.batchNorm(b.conv(y, { out: 16, kernel: 3, padding: 1, bias: false })), y));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(y)), { out: 10 }));
  const model = b.build();
  await writeModel(
    { ...model, metadata: new Map([['labels', JSON.stringify(SHAPES.split(','))]]) },
    join(folder, 'model.onnx'),
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('skein quantize', () => {
  it('writes a model that evaluate and profile take, and says what was done to each layer', async () => {
    const words = [
      'model.onnx',
      ...DATA,
      '--max-drop',
      '100',
      '--sensitivity',
      '--sweep',
      'bits.svg',
      '-o',
      'int8.onnx',
    ];
    const made = await skein('quantize', ...words, '--json');
    expect(made).toMatchObject({ code: 0 });
    const report = JSON.parse(made.stdout);
    expect(report.layers.map((layer: { name: string }) => layer.name)).toEqual([
      '/conv1/Conv',
      '/conv2/Conv',
      '/fc1/Gemm',
    ]);
    for (const layer of report.layers) expect(layer.divergence).toBeGreaterThanOrEqual(0);
    expect(report.sweep.layers).toHaveLength(3);
    // Batch normalisation is folded: 4 numbers a channel become a bias.
    expect(report.before.macs).toBe(report.after.macs);
    expect(report.after.bytes).toBeLessThan(report.before.bytes);
    const svg = await readFile(join(folder, 'bits.svg'), 'utf8');
    expect(svg).toContain('</svg>');
    expect(svg).toContain('/conv2/Conv');
    const { metadata } = await readModel(join(folder, 'int8.onnx'));
    expect(JSON.parse(metadata.get('compressed') ?? '')).toMatchObject([
      { by: 'skein quantize', method: 'mse', trained: false },
    ]);
    expect((await readdir(folder)).filter((file) => file.includes('steps') || file.includes('tmp'))).toEqual([]);
    const evaluated = await skein('evaluate', 'int8.onnx', ...DATA, '--json');
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ params: report.after.params, macs: report.after.macs });
    const profiled = JSON.parse((await skein('profile', 'int8.onnx', '--runs', '2', '--json')).stdout);
    const conv = profiled.layers.find((layer: { name: string }) => layer.name === '/conv2/Conv');
    expect(conv).toMatchObject({ params: 16 * 16 * 9 + 16, macs: 16 * 16 * 9 * 16 * 16, ms: expect.any(Number) });
  });

  it('stores weights as float16, of which int8 can be made later', async () => {
    const made = await skein('quantize', 'model.onnx', ...DATA, '--fp16', '-o', 'half.onnx', '--json');
    const { before, after } = JSON.parse(made.stdout);
    expect([after.params, after.macs, after.top1]).toEqual([before.params, before.macs, before.top1]);
    expect(after.bytes).toBeLessThan(0.75 * before.bytes);
    const further = await skein('quantize', 'half.onnx', ...DATA, '--max-drop', '100', '-o', 'further.onnx', '--json');
    expect(JSON.parse(further.stdout).layers).toHaveLength(3);
    const { metadata } = await readModel(join(folder, 'further.onnx'));
    expect(JSON.parse(metadata.get('compressed') ?? '')).toHaveLength(2);
  });

  it('trains with the rounding where too much is lost', async () => {
    const words = ['--weight-bits', '2', '--max-drop', '0', '--epochs', '1', '--threads', '1', '--batch', '20'];
    const made = await skein('quantize', 'model.onnx', ...DATA, ...words, '-o', 'trained.onnx');
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/held-out top-1: float \S+ %, int8 \S+ %, trained \S+ %, now /);
    expect(made.stderr).toMatch(/with-rounding, epoch 1\/1: loss \d/);
  });

  it.each([
    [['--fp16', '--method', 'mse'], 2, '--fp16 rounds nothing to integers: --method means nothing'],
    [['--fp16', '--epochs', '2'], 2, '--fp16 rounds nothing to integers: --epochs means nothing'],
    [['--fp16', '--max-drop', '1'], 2, '--fp16 rounds nothing to integers: --max-drop means nothing'],
    [['--percentile', '99'], 2, '--percentile is of --method percentile, received --method mse'],
    [['--sweep', 'bits.png'], 2, "--sweep must end in .svg, received 'bits.png'"],
    [['--weight-bits', '1'], 2, 'Expected a whole number from 2 to 8'],
    [['--exclude', '/conv9/*'], 2, "--exclude: no layer that could be int8 is called '/conv9/*'"],
  ])('refuses %j', async (words, code, message) => {
    const refused = await skein('quantize', 'model.onnx', ...DATA, ...words, '-o', 'no.onnx');
    expect(refused.code).toBe(code);
    expect(refused.stderr).toContain(message);
  });
});
