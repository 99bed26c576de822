/**
 * How much the loss would change without a channel, to first order (Molchanov et al. 2019, Importance Estimation for Neural
 * Network Pruning): the square of Σ g·w, mean over batches, with g the gradient of the loss by the weights. The weights are
 * those that read the channel: setting them to zero is what removing it does, whatever normalisation lies before them.
 */

import { gradientModel, gradientOutput, LABELS_INPUT, LOSS_OUTPUT } from '../../autodiff/index.ts';
import type { BatchOptions, Dataset, Preprocessing } from '../../data/index.ts';
import { feedsOf, GraphEditor, type Model, Tensor } from '../../graph/index.ts';
import { serializeModel } from '../../onnx/index.ts';
import { Engine } from '../../runtime/index.ts';
import { withDynamicBatch } from '../../train/index.ts';
import type { ChannelGroups, ParameterAxis } from '../../transforms/index.ts';
import { withOutputs } from '../meter.ts';

export interface TaylorOptions extends Pick<BatchOptions, 'order'> {
  /** Images of each gradient; 32 unless told. */
  readonly batch?: number;
  /** Threads to compute with; 1 unless told. */
  readonly threads?: number;
  readonly onBatch?: (images: number) => void;
}

/**
 * By unit; 0 for one that nothing reads.
 * @throws SkeinError 'unsupported' where the model cannot be differentiated
 */
export async function taylorImportance(
  model: Model,
  groups: ChannelGroups,
  data: Dataset,
  preprocessing: Preprocessing,
  { batch = 32, threads = 1, onBatch, ...options }: TaylorOptions = {},
): Promise<Float64Array> {
  const sums = new Float64Array(groups.unitCount);
  const { model: effects, outputs } = effectModel(withDynamicBatch(model), groups);
  if (outputs.size === 0) return sums;
  const input = feedsOf(model.graph)[0]?.name ?? '';
  const engine = new Engine({ workers: 1, threads });
  let batches = 0;
  let images = 0;
  try {
    const loaded = await engine.load(serializeModel(effects));
    for await (const { count, data: pixels, labels } of data.batches(preprocessing, batch, options)) {
      const result = await loaded.run((buffers) => {
        const copy = buffers.float32(pixels.length);
        copy.set(pixels);
        return {
          [input]: { dtype: 'float32', dims: [count, ...preprocessing.shape], data: copy },
          [LABELS_INPUT]: { dtype: 'int64', dims: [count], data: BigInt64Array.from(labels, BigInt) },
        };
      });
      const effect = new Float64Array(groups.unitCount);
      for (const [name, { units }] of outputs) {
        const values = result.outputs[name]?.data as Float32Array;
        for (const [i, value] of values.entries()) {
          const unit = units[i] ?? -1;
          if (unit >= 0) effect[unit] = (effect[unit] ?? 0) + value;
        }
      }
      for (const [unit, value] of effect.entries()) sums[unit] = (sums[unit] ?? 0) + value * value;
      batches++;
      images += count;
      onBatch?.(images);
    }
  } finally {
    await engine.close();
  }
  return sums.map((sum) => sum / Math.max(1, batches));
}

/** The model whose outputs are Σ g·w for each index of the axes of all weights that read channels. */
function effectModel(
  model: Model,
  groups: ChannelGroups,
): { model: Model; outputs: ReadonlyMap<string, ParameterAxis> } {
  const readers = groups.parameters.filter(({ role }) => role === 'input');
  const wrt = [...new Set(readers.map(({ name }) => name))];
  const outputs = new Map<string, ParameterAxis>();
  if (wrt.length === 0) return { model, outputs };
  const gradients = gradientModel(model, { loss: 'cross-entropy', wrt });
  const editor = new GraphEditor(gradients.graph);
  for (const reader of readers) {
    const weight = model.graph.initializers.get(reader.name);
    const axes = [...(weight?.dims ?? []).keys()].filter((axis) => axis !== reader.axis);
    const product = editor.addNode({ opType: 'Mul', inputs: [reader.name, gradientOutput(reader.name)] });
    const inputs = [product.outputs[0] ?? '', editor.addInitializer('axes', Tensor.int64s(axes))];
    const sum = editor.addNode({ opType: 'ReduceSum', inputs, attributes: { keepdims: 0 } });
    outputs.set(sum.outputs[0] ?? '', reader);
  }
  return { model: withOutputs({ ...gradients, graph: editor.build() }, [LOSS_OUTPUT, ...outputs.keys()]), outputs };
}
