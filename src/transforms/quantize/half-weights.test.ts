import { expect, it } from 'vitest';
import { executedOperators, firstOutput } from '../../../test/optimized.ts';
import { randomFeeds } from '../../../test/run-onnx.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { serializeModel } from '../../onnx/index.ts';
import { costOf } from '../../ops/index.ts';
import { buildArchitecture } from '../../zoo/index.ts';
import { runPasses } from '../pass.ts';
import { halfWeights, widenWeights } from './half-weights.ts';

it('halfWeights halves the file, and computes with weights of 11 digits', async () => {
  const model = buildArchitecture('resnet8', { seed: 1 });
  const { model: halved } = runPasses(model, [halfWeights]);
  const [before, after] = [model, halved].map((each) => costOf(each));
  expect([after?.params, after?.macs]).toEqual([before?.params, before?.macs]);
  expect(serializeModel(halved).byteLength).toBeLessThan(0.56 * serializeModel(model).byteLength);
  const feeds = randomFeeds(model, 1);
  const [expected, received] = [await firstOutput(model, feeds), await firstOutput(halved, feeds)];
  const scale = Math.max(...expected.map(Math.abs));
  for (const [i, value] of expected.entries()) {
    expect(Math.abs((received[i] as number) - value)).toBeLessThan(2 ** -9 * scale);
  }
  // Cast on loading: what is executed is the same.
  expect(await executedOperators(halved)).toEqual(await executedOperators(model));
});

it('halfWeights leaves what float16 cannot hold, and a model without weights', () => {
  const model = buildArchitecture('lenet5', { seed: 1 });
  const initializers = new Map(model.graph.initializers);
  const name = [...initializers.keys()].find((each) => each.endsWith('fc1.weight')) ?? '';
  const dims = initializers.get(name)?.dims ?? [];
  initializers.set(name, Tensor.float32(dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(7e4)));
  const { model: halved } = runPasses({ ...model, graph: { ...model.graph, initializers } }, [halfWeights]);
  expect(halved.graph.initializers.get(name)?.dtype).toBe('float32');
  expect(runPasses(halved, [halfWeights]).changed).toBe(false);
});

it('widenWeights makes float32 weights under the names that they had', () => {
  const model = buildArchitecture('resnet8', { seed: 1 });
  const { model: halved } = runPasses(model, [halfWeights]);
  const { model: widened } = runPasses(halved, [widenWeights]);
  // What is free in the order may have moved.
  const wired = ({ graph }: Model) =>
    graph.nodes.map(({ opType, inputs, outputs }) => [opType, ...inputs, ...outputs].join(' ')).sort();
  expect(wired(widened)).toEqual(wired(model));
  expect(new Set(widened.graph.initializers.keys())).toEqual(new Set(model.graph.initializers.keys()));
  for (const [name, tensor] of model.graph.initializers) {
    const wide = widened.graph.initializers.get(name);
    expect([wide?.dtype, wide?.dims]).toEqual([tensor.dtype, tensor.dims]);
    const elements = (wide?.elements() ?? []).map(Number);
    const exact = (tensor.elements() ?? []).map(Number);
    // Half precision has 11 digits: what is lost is at most half of the last.
    const within = (value: number, i: number): boolean =>
      Math.abs((elements[i] as number) - value) <= Math.max(2 ** -11 * Math.abs(value), 2 ** -25);
    expect(exact.every(within), name).toBe(true);
  }
  expect(runPasses(model, [widenWeights])).toEqual({ model, changed: false });
});
