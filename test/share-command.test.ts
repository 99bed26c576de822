/** `skein share` and `skein unpack` as processes of their own, and what the other commands make of a `.skz` file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModel, writeModel } from '../src/onnx/index.ts';
import { buildArchitecture } from '../src/zoo/index.ts';
import { MAIN, type Outcome, skeinIn } from './run-skein.ts';

const IMAGES = ['--data', 'shapes', '--limit', '40'] as const;
const QUICK = [...IMAGES, '--threads', '1', '--epochs', '2', '--steps', '2', '--conv-bits', '4'] as const;

let folder: string;
const skein = skeinIn(() => folder);

let shared: Outcome;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-share-'));
  await writeModel(buildArchitecture('resnet8', { seed: 2 }), join(folder, 'given.onnx'));
  shared = await skein('share', 'given.onnx', ...QUICK, '--sparsity', '0.8', '--json', '-o', 'shared.skz');
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const weightsOf = async (file: string) => {
  const { initializers } = (await readModel(join(folder, file))).graph;
  return new Map([...initializers].map(([name, tensor]) => [name, Buffer.from(tensor.bytes).toString('base64')]));
};

describe('skein share', () => {
  it('writes a small file and says what each layer and step takes', async () => {
    expect(shared).toMatchObject({ code: 0 });
    const report = JSON.parse(shared.stdout);
    const file = await readFile(join(folder, 'shared.skz'));
    expect(file.subarray(0, 4)).toEqual(Buffer.of(0x89, 0x53, 0x4b, 0x5a));
    expect(report).toMatchObject({ output: 'shared.skz', after: { bytes: file.length } });
    expect(report.before.bytes / report.after.bytes).toBeGreaterThan(4);
    expect(report.total.kept / report.total.weights).toBeCloseTo(0.2, 2);
    expect(report.layers).toHaveLength(8);
    for (const { huffman, shared: bits, pruned, original } of [report.total]) {
      expect([original > pruned, pruned > bits, bits > huffman]).toEqual([true, true, true]);
    }
    expect(report.steps.map(({ name }: { name: string }) => name)).toEqual([
      ...['original', 'pruned', 'retrained', 'pruned', 'retrained', 'shared', 'codebooks trained'],
    ]);
    // Nothing of the steps is left.
    expect((await readdir(folder)).filter((name) => name.includes('steps'))).toEqual([]);
  });

  it('prints the tables for people, and writes plain ONNX where the name says so', async () => {
    const words = ['--epochs', '0', '--sparsity', '0.8', '--conv-bits', '4', '-o', 'plain.onnx'];
    const { code, stdout } = await skein('share', 'given.onnx', ...IMAGES, ...words);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^layer +weights +kept +code +coded +position +coded +pruned +shared +huffman +rate$/m);
    expect(stdout).toMatch(/^huffman .*x +\d+\.\d\d %$/m);
    expect(stdout).toMatch(/^file .* smaller$/m);
    expect((await readModel(join(folder, 'plain.onnx'))).graph.nodes.length).toBeGreaterThan(8);
    const metadata = (await readModel(join(folder, 'plain.onnx'))).metadata.get('compressed') ?? '';
    expect(JSON.parse(metadata)[0]).toMatchObject({ by: 'skein share', sparsity: 0.8, convBits: 4, criterion: 'lamp' });
  });

  it.each([
    [['--sparsity', '1'], /--sparsity/],
    [['--conv-bits', '9'], /--conv-bits.*from 1 to 8/],
    [['--fc-index-bits', '0'], /--fc-index-bits.*from 1 to 8/],
    [['--steps', '0'], /--steps/],
    [['--criterion', 'luck'], /lamp/],
  ])('refuses %s', async (words, message) => {
    const { code, stderr } = await skein('share', 'given.onnx', ...IMAGES, ...words, '-o', 'never.skz');
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('refuses a name of another kind', async () => {
    const { code, stderr } = await skein('share', 'given.onnx', ...IMAGES, '-o', 'never.zip');
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--output must end in \.skz or \.onnx/)]);
  });
});

describe('a .skz file', () => {
  it('is evaluated and profiled as the model that is in it', async () => {
    const evaluated = await skein('evaluate', 'shared.skz', ...IMAGES, '--json');
    expect(evaluated).toMatchObject({ code: 0, stderr: '' });
    const { after } = JSON.parse(shared.stdout);
    const { size } = await stat(join(folder, 'shared.skz'));
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ bytes: size, params: after.params });
    expect(await skein('profile', 'shared.skz')).toMatchObject({ code: 0 });
  });

  it('is compressed again', async () => {
    const { size } = await stat(join(folder, 'shared.skz'));
    const words = ['--sparsity', '0.9', '--epochs', '0', '--conv-bits', '3', '-o', 'again.skz'];
    expect(await skein('share', 'shared.skz', ...IMAGES, ...words)).toMatchObject({ code: 0 });
    expect((await stat(join(folder, 'again.skz'))).size).toBeLessThan(size);
  });

  it('is served under its name, and alone in a folder of models', async () => {
    for (const path of ['shared.skz', '.']) {
      const child = spawn(process.execPath, [MAIN, 'serve', path, '--port', '0', '--no-grpc', '--log-level', 'error'], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      try {
        const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
        const url = line.split(' ')[1];
        const metadata = await (await fetch(`${url}/v2/models/shared`)).json();
        expect(metadata).toMatchObject({ name: 'shared' });
        const inputs = [{ name: 'input', datatype: 'FP32', shape: [1, 3, 32, 32], data: new Array(3072).fill(0.5) }];
        const answer = await fetch(`${url}/v2/models/shared/infer`, {
          method: 'POST',
          body: JSON.stringify({ inputs }),
        });
        expect(((await answer.json()) as { outputs: { data: number[] }[] }).outputs[0]?.data).toHaveLength(10);
      } finally {
        child.kill('SIGTERM');
        await once(child, 'close');
      }
    }
  });

  it('is clearly refused where it is damaged', async () => {
    const bytes = await readFile(join(folder, 'shared.skz'));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 4;
    await writeFile(join(folder, 'damaged.skz'), bytes);
    const { code, stderr } = await skein('evaluate', 'damaged.skz', ...IMAGES);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: Cannot read model 'damaged\.skz': The \.skz file is damaged: its checksum .*\n$/);
    await rm(join(folder, 'damaged.skz'));
  });
});

describe('skein unpack', () => {
  it('writes the model as ONNX, with the same weights', async () => {
    const { code, stdout } = await skein('unpack', 'shared.skz', '-o', 'unpacked.onnx', '--json');
    expect(code).toBe(0);
    const { size } = await stat(join(folder, 'unpacked.onnx'));
    expect(JSON.parse(stdout)).toMatchObject({ output: 'unpacked.onnx', bytes: { after: size } });
    expect(await weightsOf('unpacked.onnx')).toEqual(await weightsOf('shared.skz'));
  });

  it('refuses to write over the file, or another kind of file', async () => {
    expect(await skein('unpack', 'shared.skz', '-o', 'x.skz')).toMatchObject({ code: 2 });
    expect(await skein('unpack', 'missing.skz', '-o', 'x.onnx')).toMatchObject({ code: 1 });
  });
});
