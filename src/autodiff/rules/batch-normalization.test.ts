/** Batch normalisation by the statistics of the batch, which only training mode writes, against central differences. */
import { expect, it } from 'vitest';
import { feed, type Output, runModel } from '../../../test/run-onnx.ts';
import { Random } from '../../base/index.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { elementCount } from '../../tensor/index.ts';
import { gradientModel, gradientOutput } from '../gradient-model.ts';

const STEP = 1e-5;

/** Batch normalisation in float64 whose scale and shift are no initializers, so that they can be moved. */
function normalisation(dims: readonly number[]): Model {
  const builder = new GraphBuilder({ opset: 17, dtype: 'float64' });
  builder.input('x', 'float64', ['batch', ...dims.slice(1)]);
  const channels = [dims[1] as number];
  builder.input('gamma', 'float64', channels);
  builder.input('beta', 'float64', channels);
  const statistic = (value: number) =>
    builder.constant(Tensor.of('float64', channels, new Float64Array(channels[0] as number).fill(value)));
  const inputs = ['x', 'gamma', 'beta', statistic(0), statistic(1)];
  builder.output('y', builder.op('BatchNormalization', inputs, { epsilon: 0.01 }));
  return builder.build();
}

it.each([[[4, 3, 2, 5]], [[6, 2]], [[3, 1, 4]], [[2, 2, 3, 2, 2]]])('by the batch, of %j', async (dims) => {
  const random = new Random(7);
  const model = gradientModel(normalisation(dims), { loss: 'mse', mode: 'train', inputs: true });
  const draw = (shape: readonly number[]) =>
    Float64Array.from({ length: elementCount(shape) }, () => random.normal() + 0.5);
  const channels = [dims[1] as number];
  const values = { x: draw(dims), gamma: draw(channels), beta: draw(channels), labels: draw(dims) };
  const shapes = { x: dims, gamma: channels, beta: channels, labels: dims };
  const names = ['x', 'gamma', 'beta', 'labels'] as const;
  const run = (moved: Partial<typeof values> = {}) =>
    runModel(
      model,
      Object.fromEntries(
        names.map((name) => [name, feed('float64', (moved[name] ?? values[name]) as Float64Array, shapes[name])]),
      ),
    );
  const given = await run();
  for (const name of ['x', 'gamma', 'beta'] as const) {
    const gradient = given[gradientOutput(name)]?.data as Float64Array;
    const direction = values[name].map(() => random.normal());
    const loss = async (step: number) => {
      const moved = values[name].map((value, i) => value + step * (direction[i] as number));
      const { data } = (await run({ [name]: moved })).loss as Output;
      return (data as Float64Array)[0] as number;
    };
    const expected = ((await loss(STEP)) - (await loss(-STEP))) / (2 * STEP);
    const received = direction.reduce((sum, value, i) => sum + value * (gradient[i] as number), 0);
    expect(received, name).toBeCloseTo(expected, 7);
  }
});
