/** Runs a model over sample images and sees in which ranges its values lie. */
import { SkeinError } from '../../base/index.ts';
import { type Dataset, type Preprocessing, stratifiedSample } from '../../data/index.ts';
import { feedsOf, GraphEditor, type Model } from '../../graph/index.ts';
import { inferShapes } from '../../ops/index.ts';
import { planQuantization, prepareForQuantization, type Ranges, rangeValues } from '../../transforms/index.ts';
import type { Meter } from '../meter.ts';
import { Histogram } from './histogram.ts';
import { type RangeOptions, rangeOf } from './range-methods.ts';

export interface CalibrationOptions {
  /** Of the data, each class with its share; 256 unless told. */
  readonly images?: number;
  /** Of the sample. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

const IMAGES = 256;
const MOST_AT_ONCE = 64;
/** Of all observed values of a batch together. */
const BATCH_BYTES = 256 * 2 ** 20;

export type Histograms = ReadonlyMap<string, Histogram>;

/**
 * Histograms of the values that are rounded when the model is quantised, by name.
 * @throws SkeinError 'unsupported' where the model has no layer that could be int8, 'invalid-argument' where a value is no
 * number
 */
export async function observeHistograms(
  model: Model,
  meter: Meter,
  data: Dataset,
  preprocessing: Preprocessing,
  options: CalibrationOptions = {},
): Promise<Histograms> {
  const prepared = prepareForQuantization(model);
  const plan = planQuantization(prepared);
  if (plan.candidates.length === 0) {
    throw new SkeinError(
      'unsupported',
      'The model has no layer to quantise: expected a Conv, Gemm or MatMul with float32 weights; take it from before it was quantised or converted',
    );
  }
  const { opened, outputOf } = withInputsAsOutputs(prepared, rangeValues(plan));
  const outputs = [...outputOf.values()];
  const order = stratifiedSample(data.labels, Math.min(options.images ?? IMAGES, data.size), options.seed ?? 0);
  const batch = batchFor(opened, outputs, preprocessing);
  async function* observed() {
    for await (const { values } of meter.observe(opened, outputs, data, preprocessing, { order, batch })) {
      if (options.signal?.aborted) throw new SkeinError('cancelled', 'Stopped while the model was calibrated');
      for (const [value, output] of outputOf) yield [value, values.get(output)?.data as Float32Array] as const;
    }
  }
  const ends = new Map<string, [low: number, high: number]>();
  for await (const [value, numbers] of observed()) ends.set(value, widened(ends.get(value), numbers));
  const histograms = new Map<string, Histogram>();
  for (const [value, [low, high]] of ends) {
    if (!Number.isFinite(low) || !Number.isFinite(high)) {
      throw new SkeinError('invalid-argument', `Cannot quantise the model: '${value}' is not always a number`);
    }
    histograms.set(value, new Histogram(low, high));
  }
  if (histograms.size === 0) {
    throw new SkeinError('invalid-argument', `Cannot calibrate on '${data.source}': it has no images`);
  }
  for await (const [value, numbers] of observed()) histograms.get(value)?.add(numbers);
  return histograms;
}

/** The range of each value. */
export function rangesOf(histograms: Histograms, options: RangeOptions): Ranges {
  return new Map([...histograms].map(([value, histogram]) => [value, rangeOf(histogram, options)]));
}

/** An input cannot be an output as well: a copy of it is. */
function withInputsAsOutputs(model: Model, values: readonly string[]) {
  const editor = new GraphEditor(model.graph);
  const inputs = new Set(feedsOf(model.graph).map(({ name }) => name));
  const outputOf = new Map<string, string>();
  for (const value of values) {
    if (!inputs.has(value)) outputOf.set(value, value);
    else {
      const copy = editor.addNode({ opType: 'Identity', name: `${value}_observed`, inputs: [value] });
      outputOf.set(value, copy.outputs[0] as string);
    }
  }
  return { opened: { ...model, graph: editor.build() }, outputOf };
}

/** Images at once, so that the values of a batch fit into memory. */
function batchFor(model: Model, values: readonly string[], { shape }: Preprocessing): number {
  const inputShapes = Object.fromEntries(feedsOf(model.graph).map(({ name }) => [name, [1, ...shape]]));
  const types = inferShapes(model, { inputShapes });
  let bytes = 0;
  for (const value of values) {
    const dims = types.get(value)?.dims ?? [];
    bytes += 4 * dims.reduce((product: number, dim) => product * (typeof dim === 'number' ? dim : 1), 1);
  }
  return Math.min(Math.max(Math.floor(BATCH_BYTES / Math.max(bytes, 1)), 1), MOST_AT_ONCE);
}

/** NaN where one of the numbers is none, and from then on. */
function widened(ends: readonly [number, number] | undefined, numbers: Float32Array): [number, number] {
  let [low, high] = ends ?? [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  if (Number.isNaN(low)) return [low, high];
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i] as number;
    if (number < low) low = number;
    if (number > high) high = number;
    if (Number.isNaN(number)) return [Number.NaN, Number.NaN];
  }
  return [low, high];
}
