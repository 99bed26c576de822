/**
 * What flows into the layers of a model, as factorising and pruning need it: the products of each layer's input channels,
 * summed over sample images by ONNX Runtime itself.
 */
import { SkeinError } from '../base/index.ts';
import { type Dataset, type Preprocessing, stratifiedSample } from '../data/index.ts';
import { fixedBatch, GraphEditor, getInts, type Model, standardOpset, Tensor } from '../graph/index.ts';
import { inferShapes } from '../ops/index.ts';
import {
  type InputMoments,
  LARGEST_SIDE,
  momentsOfLags,
  type WeightLayer,
  weightLayersOf,
} from '../transforms/index.ts';
import { inputShapesOf } from './factorize/survey-layers.ts';
import type { Meter } from './meter.ts';

export interface MomentOptions {
  /** Of the data, each class with its share; 256 unless told. */
  readonly images?: number | undefined;
  /** Of the sample. */
  readonly seed?: number;
  /** The images, in place of a sample. */
  readonly order?: ArrayLike<number>;
  readonly signal?: AbortSignal;
  /** Told after each batch how many images of how many are done. */
  readonly onImages?: (done: number, all: number) => void;
}

const IMAGES = 256;
/** Images at once, as many as take no more elements in the widest layer's input: 64 MiB, of which some copies are made. */
const BATCH = 64;
const MOST_ELEMENTS = 1 << 24;

/**
 * By the name of the layer; of those that can be factorized and have at most `LARGEST_SIDE` input channels.
 * @throws SkeinError 'invalid-argument' where the data has no images, or none that can be read; 'unsupported' where the model
 * has not one input; 'cancelled' on the signal
 */
export async function observeInputMoments(
  model: Model,
  meter: Pick<Meter, 'observe'>,
  data: Dataset,
  preprocessing: Preprocessing,
  { images = IMAGES, seed = 0, order: given, signal, onImages }: MomentOptions = {},
): Promise<ReadonlyMap<string, InputMoments>> {
  const layers = weightLayersOf(model).filter(({ kinds, dims }) => kinds.length > 0 && dims[1] <= LARGEST_SIDE);
  const sample = given ?? stratifiedSample(data.labels, Math.min(images, data.size), seed);
  if (sample.length === 0) {
    throw new SkeinError('invalid-argument', `Cannot look at '${data.source}': it has no images`);
  }
  const order = inWholeBatches(sample, fixedBatch(model) ?? 1);
  const { observed, outputs } = withProducts(model, layers);
  const names = [...outputs.values()].flatMap(({ channels, vertical, horizontal }) => [
    channels,
    ...vertical,
    ...horizontal,
  ]);
  const sums = new Map<string, Float64Array>();
  const batch = batchFor(model, layers, preprocessing);
  const options = {
    order,
    batch,
    ...(signal && { signal }),
    onImages: (done: number) => onImages?.(done, order.length),
  };
  for await (const { values } of meter.observe(observed, names, data, preprocessing, options)) {
    for (const name of names) {
      const products = values.get(name)?.data as Float32Array;
      const sum = sums.get(name) ?? new Float64Array(products.length);
      sums.set(name, sum);
      for (let k = 0; k < sum.length; k++) sum[k] = (sum[k] as number) + (products[k] as number);
    }
  }
  if (names.length > 0 && sums.size === 0) {
    throw new SkeinError(
      'invalid-argument',
      `Cannot look at '${data.source}': none of its ${sample.length} images that were asked for can be read`,
    );
  }
  return new Map([...outputs].map(([layer, products]) => [layer, momentsFrom(products, sums)]));
}

/** Values that hold what is summed for a layer: of channels with channels, and of pixels 1, 2, … apart. */
interface Products {
  readonly channels: string;
  readonly vertical: readonly string[];
  readonly horizontal: readonly string[];
}

function momentsFrom(
  { channels, vertical, horizontal }: Products,
  sums: ReadonlyMap<string, Float64Array>,
): InputMoments {
  const data = sums.get(channels) as Float64Array;
  const size = Math.sqrt(data.length);
  let squares = 0;
  for (let i = 0; i < size; i++) squares += data[i * size + i] as number;
  // Over all places, of which those beside the image's end have a neighbour that is padding.
  const along = (names: readonly string[]) =>
    momentsOfLags([squares, ...names.map((name) => sums.get(name)?.[0] ?? 0)]);
  return {
    channels: { rows: size, columns: size, data },
    ...(vertical.length > 0 && { vertical: along(vertical) }),
    ...(horizontal.length > 0 && { horizontal: along(horizontal) }),
  };
}

/** Images at once: what their largest map takes must not grow with the size of images. */
function batchFor(model: Model, layers: readonly WeightLayer[], { shape }: Preprocessing): number {
  const inputShapes = inputShapesOf(model, shape);
  const [images = 1] = Object.values(inputShapes)[0] ?? [];
  const types = inferShapes(model, { inputShapes });
  const sizes = layers.map(({ node }) => {
    const dims = types.get(node.inputs[0] ?? '')?.dims ?? [];
    return dims.reduce<number>((size, dim) => size * (typeof dim === 'number' ? dim : 1), 1) / images;
  });
  return Math.max(1, Math.min(BATCH, Math.floor(MOST_ELEMENTS / Math.max(1, ...sizes))));
}

/**
 * The model with sums of products of each layer's input over all images and pixels of a batch, in the words of its operator
 * set, 7 or later.
 */
function withProducts(model: Model, layers: readonly WeightLayer[]) {
  const editor = new GraphEditor(model.graph);
  const outputs = new Map<string, Products>();
  const opset = standardOpset(model);
  for (const { name, node, dims } of layers) {
    const [, channels, height, width] = dims;
    const stem = `${name}.moments`;
    const add = (opType: string, inputs: string[], attributes = {}): string =>
      editor.addNode({ opType, name: editor.freshName(`${stem}.${opType}`), inputs, attributes }).outputs[0] as string;
    const numbers = (...values: number[]): string => editor.addInitializer(`${stem}.numbers`, Tensor.int64s(values));
    const [input = ''] = node.inputs;
    const convolved = node.opType === 'Conv';
    const channelsFirst = convolved ? add('Transpose', [input], { perm: [1, 0, 2, 3] }) : input;
    const slice = (axis: number, start: number, end: number): string =>
      opset < 10
        ? add('Slice', [input], { axes: [axis], starts: [start], ends: [end] })
        : add('Slice', [input, numbers(start), numbers(end), numbers(axis)]);
    const flat = add('Reshape', [channelsFirst, numbers(...(convolved ? [channels, -1] : [-1, channels]))]);
    const [dilationY = 1, dilationX = 1] = getInts(node, 'dilations') ?? [];
    const lags = (axis: number, size: number, step: number): string[] =>
      Array.from({ length: convolved ? size - 1 : 0 }, (_, k) => {
        const from = (k + 1) * step;
        const pairs = [slice(axis, 0, -from), slice(axis, from, Number.MAX_SAFE_INTEGER)];
        return add('ReduceSum', [add('Mul', pairs)], { keepdims: 0 });
      });
    const addend = opset < 11 ? [editor.addInitializer(`${stem}.zero`, Tensor.float32([1], Float32Array.of(0)))] : [];
    const products = add('Gemm', [flat, flat, ...addend], convolved ? { transB: 1 } : { transA: 1 });
    outputs.set(name, {
      // With a row of its own for the whole batch, whatever that is: rows of images are cut where some cannot be read.
      channels: add('Reshape', [products, numbers(1, channels, channels)]),
      vertical: lags(2, height, dilationY),
      horizontal: lags(3, width, dilationX),
    });
  }
  return { observed: { ...model, graph: editor.build() }, outputs };
}

/** A model of a fixed batch gets its first images once more, as else those of the last batch would count several times. */
function inWholeBatches(order: ArrayLike<number>, size: number): Uint32Array {
  const length = Math.ceil(order.length / size) * size;
  return Uint32Array.from({ length }, (_, i) => order[i % order.length] as number);
}
