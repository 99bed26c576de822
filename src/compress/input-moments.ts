/**
 * What flows into the layers of a model, as factorising and pruning need it: the products of each layer's input channels,
 * summed over sample images by ONNX Runtime itself.
 */
import { SkeinError } from '../base/index.ts';
import { type Dataset, type Preprocessing, stratifiedSample } from '../data/index.ts';
import { fixedBatch, GraphEditor, type Model, Tensor } from '../graph/index.ts';
import { type InputMoments, LARGEST_SIDE, type WeightLayer, weightLayersOf } from '../transforms/index.ts';
import type { Meter } from './meter.ts';

export interface MomentOptions {
  /** Of the data, each class with its share; 256 unless told. */
  readonly images?: number | undefined;
  /** Of the sample. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Told after each batch how many images of how many are done. */
  readonly onImages?: (done: number, all: number) => void;
}

const IMAGES = 256;

/**
 * By the name of the layer; of those that can be factorized and have at most `LARGEST_SIDE` input channels.
 * @throws SkeinError 'invalid-argument' where the data has no images; 'unsupported' where the model has not one input;
 * 'cancelled' on the signal
 */
export async function observeInputMoments(
  model: Model,
  meter: Pick<Meter, 'observe'>,
  data: Dataset,
  preprocessing: Preprocessing,
  { images = IMAGES, seed = 0, signal, onImages }: MomentOptions = {},
): Promise<ReadonlyMap<string, InputMoments>> {
  const layers = weightLayersOf(model).filter(({ kinds, dims }) => kinds.length > 0 && dims[1] <= LARGEST_SIDE);
  const sample = stratifiedSample(data.labels, Math.min(images, data.size), seed);
  if (sample.length === 0) {
    throw new SkeinError('invalid-argument', `Cannot look at '${data.source}': it has no images`);
  }
  const order = inWholeBatches(sample, fixedBatch(model) ?? 1);
  const { observed, outputOf } = withProducts(model, layers);
  const moments = new Map(
    layers.map(({ name, dims: [, channels] }) => {
      const products: InputMoments = { rows: channels, columns: channels, data: new Float64Array(channels ** 2) };
      return [name, products] as const;
    }),
  );
  const options = { order, ...(signal && { signal }), onImages: (done: number) => onImages?.(done, order.length) };
  for await (const { values } of meter.observe(observed, [...outputOf.values()], data, preprocessing, options)) {
    for (const [name, output] of outputOf) {
      const sums = (moments.get(name) as InputMoments).data;
      const products = values.get(output)?.data as Float32Array;
      for (let k = 0; k < sums.length; k++) sums[k] = (sums[k] as number) + (products[k] as number);
    }
  }
  return moments;
}

/** The model with X·Xᵀ of each layer's input, channels by channels, over all images and pixels of a batch. */
function withProducts(model: Model, layers: readonly WeightLayer[]) {
  const editor = new GraphEditor(model.graph);
  const outputOf = new Map<string, string>();
  for (const { name, node, dims } of layers) {
    const add = (opType: string, inputs: string[], attributes = {}): string =>
      editor.addNode({ opType, name: `${name}.moments.${opType}`, inputs, attributes }).outputs[0] as string;
    const [input = ''] = node.inputs;
    const convolved = node.opType === 'Conv';
    const shape = editor.addInitializer(
      `${name}.moments.shape`,
      Tensor.int64s(convolved ? [dims[1], -1] : [-1, dims[1]]),
    );
    const channelsFirst = convolved ? add('Transpose', [input], { perm: [1, 0, 2, 3] }) : input;
    const flat = add('Reshape', [channelsFirst, shape]);
    outputOf.set(name, add('Gemm', [flat, flat], convolved ? { transB: 1 } : { transA: 1 }));
  }
  return { observed: { ...model, graph: editor.build() }, outputOf };
}

/** A model of a fixed batch gets its first images once more in place of rows of zeros. */
function inWholeBatches(order: ArrayLike<number>, size: number): Uint32Array {
  const length = Math.ceil(order.length / size) * size;
  return Uint32Array.from({ length }, (_, i) => order[i % order.length] as number);
}
