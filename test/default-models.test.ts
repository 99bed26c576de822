/** The embedded models, and the gradients that they were trained with. */
import { fileURLToPath } from 'node:url';
import { Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { buildClassifier, buildStep, type ConvLayer, gradientOf } from '../scripts/training-graph.ts';
import { Random } from '../src/base/index.ts';
import { openData } from '../src/data/index.ts';
import { argmax, openPlan, openServable } from '../src/plan/index.ts';
import { Engine } from '../src/runtime/index.ts';
import { runModel } from './run-onnx.ts';

describe('buildStep()', () => {
  const layers: ConvLayer[] = [
    { out: 4, stride: 2 },
    { out: 6, stride: 1 },
    { out: 5, stride: 2 },
  ];
  const { initializers } = buildClassifier(layers, 3).graph;
  const step = buildStep(layers, initializers);
  const random = new Random(4);
  const count = 4;
  const images = Float32Array.from({ length: count * 3 * 32 * 32 }, () => random.normal());
  const targets = new Float32Array(count * 10);
  for (let row = 0; row < count; row++) targets[row * 10 + random.integer(10)] = 1;
  const run = async (changed?: string, values?: Float32Array) => {
    const parameters = [...initializers].map(([name, tensor]) => {
      return [name, new OrtTensor(name === changed && values ? values : tensor.float32s(), [...tensor.dims])];
    });
    const outputs = await runModel(step, {
      input: new OrtTensor(images, [count, 3, 32, 32]),
      targets: new OrtTensor(targets, [count, 10]),
      ...Object.fromEntries(parameters),
    });
    return (name: string) => outputs[name]?.data as Float32Array;
  };
  const lossOf = async (name: string, values: Float32Array) => (await run(name, values))('loss')[0] as number;

  // Along a unit vector u the loss changes by u · gradient: central differences, uphill two ways.
  it.each([...initializers.keys()])('%s: its gradient is the slope of the loss', async (name) => {
    const values = initializers.get(name)?.float32s() ?? new Float32Array();
    const gradient = (await run())(gradientOf(name));
    expect(gradient.length).toBe(values.length);
    const noise = values.map(() => random.normal());
    for (const direction of [
      gradient.map(Math.sign),
      gradient.map((g, i) => (noise[i] as number) + 3 * Math.sign(g)),
    ]) {
      const length = Math.hypot(...direction);
      const slope = direction.reduce((total, d, i) => total + d * (gradient[i] as number), 0) / length;
      const at = (distance: number) =>
        lossOf(
          name,
          values.map((w, i) => w + (distance * (direction[i] as number)) / length),
        );
      const measured = ((await at(0.005)) - (await at(-0.005))) / 0.01;
      expect(Math.abs(measured / slope - 1)).toBeLessThan(0.03);
    }
  });
});

describe('the embedded models', () => {
  const engine = new Engine();
  afterAll(() => engine.close());

  it.each([
    ['shapes-small', 0.5],
    ['shapes-big', 0.7],
  ])('%s says what it takes, and is right on drawn images that it has not seen', async (name, least) => {
    const file = fileURLToPath(new URL(`../../models/${name}.onnx`, import.meta.url));
    const { plan, preprocessingFrom, labelsFrom } = await openServable(file);
    const data = await openData('shapes', { split: 'test', limit: 500 });
    expect(preprocessingFrom).toBe('metadata');
    expect(labelsFrom).toBe('metadata');
    expect(plan.labels).toEqual(data.classNames);
    expect(plan.input.shape).toEqual([3, 32, 32]);
    const open = await openPlan(engine, plan);
    let right = 0;
    for await (const { count, data: images, labels } of data.batches(plan.input, 100)) {
      const scores = await open.predictor.predict({ count, data: images });
      for (const [row, label] of labels.entries()) if (argmax(scores.data, row * 10, 10) === label) right++;
    }
    expect(right / data.size).toBeGreaterThan(least);
    await open.close();
    await data.close();
  });
});
