/**
 * Folds batch normalisation into the convolution before it. With the scale s = γ / √(σ² + ε) of each output channel,
 * BN(W ∗ x + b) = (s · W) ∗ x + (β + s · (b − μ)). Exact but for rounding; computed in double precision.
 *
 * A normalisation is folded if it is in inference mode, its input is the float32 Conv or ConvTranspose of one group whose
 * output nothing else uses, and all parameters are constants.
 */
import {
  constantInitializers,
  consumersOf,
  GraphEditor,
  getFloat,
  getInt,
  type Model,
  type Node,
  producersOf,
  Tensor,
} from '../graph/index.ts';
import type { Pass } from './pass.ts';

export const foldBatchNorm: Pass = {
  name: 'fold-batch-norm',
  apply(model) {
    const editor = new GraphEditor(model.graph);
    const surroundings = surroundingsOf(model);
    for (const norm of model.graph.nodes) {
      const found = foldable(norm, surroundings);
      if (found !== undefined) replace(editor, found, surroundings);
    }
    if (!editor.changed) return { model, changed: false };
    editor.removeUnused();
    return { model: { ...model, graph: editor.build() }, changed: true };
  },
};

interface Surroundings {
  readonly producers: ReadonlyMap<string, Node>;
  readonly constants: ReadonlyMap<string, Tensor>;
  /** By how many nodes and graph outputs a value is used. */
  readonly usesOf: (name: string) => number;
}

function surroundingsOf(model: Model): Surroundings {
  const consumers = consumersOf(model.graph);
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  return {
    producers: producersOf(model.graph),
    constants: constantInitializers(model.graph, model.irVersion),
    usesOf: (name) => (consumers.get(name)?.length ?? 0) + (outputs.has(name) ? 1 : 0),
  };
}

interface Foldable {
  readonly conv: Node;
  readonly norm: Node;
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;
  /** Along which axis of the weight the output channels lie. */
  readonly channelAxis: 0 | 1;
  readonly statistics: readonly Tensor[];
}

function foldable(norm: Node, { producers, constants, usesOf }: Surroundings): Foldable | undefined {
  if (norm.opType !== 'BatchNormalization' || norm.domain !== '') return undefined;
  if (getInt(norm, 'training_mode', 0) !== 0 || norm.outputs.slice(1).some((name) => name !== '')) return undefined;
  const between = norm.inputs[0] ?? '';
  const conv = producers.get(between);
  if (conv === undefined || conv.domain !== '' || usesOf(between) !== 1) return undefined;
  const transposed = conv.opType === 'ConvTranspose' && getInt(conv, 'group', 1) === 1;
  if (conv.opType !== 'Conv' && !transposed) return undefined;
  const biasName = conv.inputs[2] ?? '';
  const [weight, bias] = [constants.get(conv.inputs[1] ?? ''), constants.get(biasName)];
  const statistics = norm.inputs.slice(1, 5).map((name) => constants.get(name));
  if (weight === undefined || (biasName !== '' && bias === undefined)) return undefined;
  const parameters = [weight, ...statistics, ...(bias === undefined ? [] : [bias])];
  if (!parameters.every((tensor) => tensor?.dtype === 'float32')) return undefined;
  return { conv, norm, weight, bias, channelAxis: transposed ? 1 : 0, statistics: statistics as Tensor[] };
}

function replace(editor: GraphEditor, found: Foldable, { usesOf }: Surroundings): void {
  const { conv, norm, weight, bias } = found;
  const { weights, biases } = folded(found);
  const weightName = conv.inputs[1] ?? '';
  const biasName = conv.inputs[2] ?? '';
  const place = (name: string, base: string, tensor: Tensor): string => {
    // A parameter that another node uses too must stay as it is.
    if (name === '' || usesOf(name) > 1) return editor.addInitializer(base, tensor);
    editor.setInitializer(name, tensor);
    return name;
  };
  const inputs = [
    conv.inputs[0] ?? '',
    place(weightName, `${weightName}.folded`, Tensor.float32(weight.dims, weights)),
    place(
      bias === undefined ? '' : biasName,
      `${weightName.replace(/\.weight$/, '')}.bias`,
      Tensor.float32([biases.length], biases),
    ),
  ];
  editor.removeNode(norm);
  editor.replaceNode(conv, { ...conv, inputs, outputs: [norm.outputs[0] ?? ''] });
}

function folded({ norm, weight, bias, channelAxis, statistics }: Foldable): {
  weights: Float32Array;
  biases: Float32Array;
} {
  const [gamma, beta, mean, variance] = statistics.map((tensor) => tensor.float32s());
  const epsilon = getFloat(norm, 'epsilon', 1e-5);
  const channels = weight.dims[channelAxis] ?? 0;
  const scales = Float64Array.from(
    { length: channels },
    (_, c) => (gamma?.[c] ?? 0) / Math.sqrt((variance?.[c] ?? 0) + epsilon),
  );
  const before = bias?.float32s();
  const biases = Float32Array.from(
    scales,
    (scale, c) => (beta?.[c] ?? 0) + scale * ((before?.[c] ?? 0) - (mean?.[c] ?? 0)),
  );
  // How many elements lie between one output channel and the next.
  const run = weight.dims.slice(channelAxis + 1).reduce((product, dim) => product * dim, 1);
  const weights = weight.float32s().map((value, i) => value * (scales[Math.floor(i / run) % channels] ?? 0));
  return { weights, biases };
}
