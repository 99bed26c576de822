/** `skein gradient --mode train` as a process of its own, on a model whose weights stand in Constant nodes. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Tensor } from '../src/graph/index.ts';
import { writeModel } from '../src/onnx/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { expectClose } from './expect-close.ts';
import { feed, type Output, runOnnx } from './run-onnx.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-gradient-'));
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 2]);
  const norm = b.batchNorm(x, { name: 'bn' });
  const weight = b.op('Constant', [], { value: Tensor.of('float32', [2, 1], [1, -1]) }, { name: 'weight' });
  b.output('y', b.op('MatMul', [norm, weight]));
  await writeModel(b.build(), join(folder, 'model.onnx'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function gradients(...words: string[]): Promise<Record<string, Output>> {
  const output = join(folder, 'gradient.onnx');
  const args = ['gradient', join(folder, 'model.onnx'), '--loss', 'mse', ...words, '-o', output, '--json'];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [MAIN, ...args]);
  expect(stderr).toBe('');
  const outputs = await runOnnx(await readFile(output), {
    x: feed('float32', Float32Array.of(1, 10, 3, 30), [2, 2]),
    labels: feed('float32', new Float32Array(2), [2, 1]),
  });
  expect(Object.keys(outputs)).toEqual(JSON.parse(stdout).outputs);
  return outputs;
}

const values = (output: Output | undefined) => [...((output?.data as Float32Array | undefined) ?? [])];
const WEIGHT = 'grad./weight_output_0';

it('skein gradient --mode train normalises by the batch, and updates the running statistics', async () => {
  const outputs = await gradients('--mode', 'train');
  expect(Object.keys(outputs)).toEqual([
    'loss',
    'y',
    'grad.bn.weight',
    'grad.bn.bias',
    WEIGHT,
    'updated.bn.running_mean',
    'updated.bn.running_var',
  ]);
  // Both channels of both rows are −1 and 1 but for ε, so their difference is nothing.
  expectClose(values(outputs.y), [0, 0], 1e-4);
  // 0.9 · 0 + 0.1 · mean; 0.9 · 1 + 0.1 · unbiased variance of (1, 3) and (10, 30)
  expectClose(values(outputs['updated.bn.running_mean']), [0.2, 2], 1e-6);
  expectClose(values(outputs['updated.bn.running_var']), [0.9 + 0.1 * 2, 0.9 + 0.1 * 200], 1e-5);
});

it('skein gradient without it answers as the model does; --inputs and --wrt say of what', async () => {
  const outputs = await gradients('--inputs', '--wrt', '*weight_output*');
  expect(Object.keys(outputs)).toEqual(['loss', 'y', WEIGHT, 'grad.x']);
  // y = x₀ − x₁ = (−9, −27), L = mean(y²): ∂L/∂w = xᵀ·y, ∂L/∂x = y·wᵀ
  expectClose(values(outputs.loss), [(81 + 729) / 2], 0.1);
  expectClose(values(outputs[WEIGHT]), [-90, -900], 0.05);
  expectClose(values(outputs['grad.x']), [-9, 9, -27, 27], 0.01);
});

it('skein gradient says which initializers the loss does not depend on', async () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch', 2]);
  const of = (name: string) => b.op('MatMul', [x, b.initializer(name, Tensor.of('float32', [2, 1], [1, 2]))]);
  b.output('y', of('used'));
  b.output('rounded', b.op('Round', [of('lost')]));
  await writeModel(b.build(), join(folder, 'two.onnx'));
  const args = [MAIN, 'gradient', join(folder, 'two.onnx'), '--loss', 'mse', '-o', join(folder, 'out.onnx')];
  const run = promisify(execFile);
  const { stderr } = await run(process.execPath, args);
  expect(stderr).toBe('no gradient comes from the loss to lost: left out\n');
  const { stdout } = await run(process.execPath, [...args, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({
    outputs: ['loss', 'y', 'rounded', 'grad.used'],
    withoutGradient: ['lost'],
  });
});
