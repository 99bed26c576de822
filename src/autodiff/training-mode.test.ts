/** Batch normalisation in training: its running statistics against PyTorch 2.15, and what has none to speak of. */
import { describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { feed, runModel } from '../../test/run-onnx.ts';
import { Random } from '../base/index.ts';
import type { Dim, Model } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { gradientModel } from './gradient-model.ts';
import { trainingMode } from './training-mode.ts';

/** The same layer of two channels on each of the inputs, their sum the output. */
function normalised(inputs: readonly string[], dims: readonly Dim[]): Model {
  const b = new GraphBuilder();
  const parameters = [1, 0, 0, 1].map((fill, i) => b.parameter(['weight', 'bias', 'mean', 'var'][i] ?? '', [2], fill));
  const each = inputs.map((name) =>
    b.op('BatchNormalization', [b.input(name, 'float32', dims), ...parameters], {}, { name: `bn_${name}` }),
  );
  b.output('y', each.length === 1 ? (each[0] as string) : b.op('Sum', each));
  return b.build();
}

const trained = (model: Model) => gradientModel(model, { loss: 'mse', mode: 'train' });

it('a layer that is used twice updates its running statistics twice', async () => {
  const x = Float32Array.of(1, 2, 3, 4, 2, 2, 2, 2);
  const image = (values: Float32Array) => feed('float32', values, [1, 2, 2, 2]);
  const outputs = await runModel(trained(normalised(['a', 'b'], ['batch', 2, 2, 2])), {
    a: image(x),
    b: image(x.map((value) => 2 * value + 1)),
    labels: image(new Float32Array(8)),
  });
  // bn = nn.BatchNorm2d(2); bn(x); bn(2 * x + 1); bn.running_mean, bn.running_var
  expectClose(outputs['updated.mean']?.data as Float32Array, [0.825, 0.68], 1e-6);
  expectClose(outputs['updated.var']?.data as Float32Array, [1.6266665, 0.81], 1e-6);
});

it('the variance of a large batch is right to seven digits, as PyTorch has it', async () => {
  const random = new Random(5);
  const dims = [64, 2, 32, 32];
  const values = Float32Array.from({ length: 64 * 2 * 1024 }, () => 3 + random.normal());
  const image = (data: Float32Array) => feed('float32', data, dims);
  const outputs = await runModel(trained(normalised(['x'], ['batch', 2, 32, 32])), {
    x: image(values),
    labels: image(new Float32Array(values.length)),
  });
  const updates = outputs['updated.var']?.data as Float32Array | undefined;
  const count = 64 * 1024;
  for (const channel of [0, 1]) {
    const own = [...values].filter((_, i) => (Math.floor(i / 1024) & 1) === channel);
    const mean = own.reduce((sum, value) => sum + value, 0) / count;
    const unbiased = own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
    const updated = updates?.[channel] ?? Number.NaN;
    // Momentum 0.9 on a variance of 1.
    expect(Math.abs((updated - 0.9) / 0.1 / unbiased - 1)).toBeLessThan(2e-6);
  }
});

/** PyTorch: "Expected more than 1 value per channel when training, got input size torch.Size([1, 2, 1, 1])". */
describe('one value per channel', () => {
  const run = (dims: readonly Dim[], shape: readonly number[]) => {
    const values = () => feed('float32', new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);
    return runModel(trained(normalised(['x'], dims)), { x: values(), labels: values() });
  };

  it.each([[[1, 2, 1, 1]], [[1, 2]]])('is refused by name where the model has it: %j', (dims) => {
    expect(() => trained(normalised(['x'], dims))).toThrow(
      /^Cannot train the model: node '[^']*bn_x[^']*' \(BatchNormalization\) needs more than 1 value per channel in training, its input is \[1, ?2/,
    );
  });

  it.each([
    [
      ['batch', 2, 1, 1],
      [1, 2, 1, 1],
    ],
    [
      ['batch', 2],
      [1, 2],
    ],
    [
      ['batch', 2, 'height', 'width'],
      [1, 2, 1, 1],
    ],
  ])('is an error of the engine that names the node where only the run shows it: %j', async (dims, shape) => {
    await expect(run(dims, shape)).rejects.toThrow(/bn_x.* needs more than 1 value per channel in training/);
    const two = await run(dims, [2, ...shape.slice(1)]);
    // Of twice the same: nothing. 0.9 · 1 + 0.1 · 0
    expectClose(two['updated.var']?.data as Float32Array, [0.9, 0.9], 1e-6);
  });

  it('is none where maps have more', async () => {
    const one = await run(['batch', 2, 2, 1], [1, 2, 2, 1]);
    expectClose(one['updated.mean']?.data as Float32Array, [0.1, 0.1], 1e-6);
  });

  it('trainingMode() says from which batch on there are more', () => {
    const least = (dims: readonly Dim[]) => trainingMode(normalised(['x'], dims)).leastBatch;
    expect([least(['n', 2]), least(['n', 2, 1, 1]), least(['n', 2, 4, 1]), least(['n', 2, 'h', 'w'])]).toEqual([
      2, 2, 1, 1,
    ]);
  });
});
