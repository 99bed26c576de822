import { afterAll, expect, it } from 'vitest';
import { valuesInside } from '../../../test/observed-ranges.ts';
import { feed } from '../../../test/run-onnx.ts';
import { smallImages, smallNetwork } from '../../../test/small-training.ts';
import { Tensor } from '../../graph/index.ts';
import { planQuantization, prepareForQuantization, quantizeModel, rangeValues } from '../../transforms/index.ts';
import { Meter } from '../meter.ts';
import { observeHistograms, rangesOf } from './calibrate.ts';

const meter = new Meter();
afterAll(() => meter.close());

const preprocessing = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;

it('observeHistograms() sees what flows through the model, input and inner values', async () => {
  const [data, model] = [await smallImages(40), smallNetwork()];
  const histograms = await observeHistograms(model, meter, data, preprocessing, { images: 100 });
  const prepared = prepareForQuantization(model);
  const values = rangeValues(planQuantization(prepared));
  expect([...histograms.keys()]).toEqual(values);
  expect(values).toContain('input');
  const seen = new Map(values.map((value): [string, number[]] => [value, []]));
  for await (const batch of data.batches(preprocessing, 16)) {
    const inside = await valuesInside(prepared, values, { input: feed('float32', batch.data, [batch.count, 3, 8, 8]) });
    for (const value of values) seen.get(value)?.push(...((inside[value]?.data ?? []) as Float32Array));
  }
  for (const [value, histogram] of histograms) {
    const numbers = seen.get(value) ?? [];
    expect(histogram.total).toBe(numbers.length);
    expect(histogram.low).toBeCloseTo(Math.min(...numbers), 5);
    expect(histogram.high).toBeCloseTo(Math.max(...numbers), 5);
  }
  expect(rangesOf(histograms, { method: 'min-max' }).get('input')).toEqual([
    histograms.get('input')?.low,
    histograms.get('input')?.high,
  ]);
});

it('observeHistograms() refuses what it cannot calibrate', async () => {
  const [data, model] = [await smallImages(20), smallNetwork()];
  const histograms = await observeHistograms(model, meter, data, preprocessing, {});
  const quantized = quantizeModel(model, rangesOf(histograms, { method: 'mse' }));
  await expect(observeHistograms(quantized, meter, data, preprocessing)).rejects.toThrow(
    'no layer to quantise: expected a Conv, Gemm or MatMul with float32 weights; take it from before it was quantised',
  );
  const initializers = new Map(model.graph.initializers);
  const [name, weight] = [...initializers].find(([, tensor]) => tensor.dims.length === 4) as [string, Tensor];
  initializers.set(name, Tensor.float32(weight.dims, new Float32Array(weight.size).fill(Number.NaN)));
  const broken = { ...model, graph: { ...model.graph, initializers } };
  await expect(observeHistograms(broken, meter, data, preprocessing)).rejects.toThrow('is not always a number');
  const stopped = AbortSignal.abort();
  await expect(observeHistograms(model, meter, data, preprocessing, { signal: stopped })).rejects.toMatchObject({
    code: 'cancelled',
  });
});
