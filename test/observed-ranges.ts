/** The least and greatest of values inside a model, by running it: what calibration by minimum and maximum would find. */
import type { Tensor as OrtTensor } from 'onnxruntime-node';
import { feedsOf, type Model } from '../src/graph/index.ts';
import { type Feeds, type Output, runModel } from './run-onnx.ts';

export async function observedRanges(
  model: Model,
  values: readonly string[],
  feeds: Feeds,
): Promise<Map<string, [number, number]>> {
  const outputs = await valuesInside(model, values, feeds);
  return new Map(
    values.map((value) => {
      let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      const data = (outputs[value]?.data ?? []) as Float32Array;
      for (const element of data) {
        low = Math.min(low, element);
        high = Math.max(high, element);
      }
      return [value, [low, high]];
    }),
  );
}

/** Any values of a model for one run, inputs too. */
export async function valuesInside(
  model: Model,
  values: readonly string[],
  feeds: Feeds,
): Promise<Record<string, Output | OrtTensor | undefined>> {
  const inputs = new Set(feedsOf(model.graph).map(({ name }) => name));
  const outputs = values
    .filter((value) => !inputs.has(value))
    .map((name) => ({ name, type: { dtype: 'float32' as const, dims: undefined } }));
  const opened = { ...model, graph: { ...model.graph, outputs } };
  return { ...feeds, ...(outputs.length === 0 ? {} : await runModel(opened, feeds)) };
}
