/**
 * Puts the parts of factorised layers in the place of the layers. The part with the window takes stride, padding and
 * dilation along the axes that it has; the last part takes the bias. Padding stays right, since the parts before it have no
 * bias: what is 0 outside the image is 0 in their outputs.
 */
import { didYouMean, SkeinError } from '../../base/index.ts';
import {
  type AttributeLike,
  describeNode,
  GraphEditor,
  getInts,
  getString,
  type Model,
  type Node,
  Tensor,
} from '../../graph/index.ts';
import type { InputMoments } from '../input-moments.ts';
import { decompose } from './decompose.ts';
import {
  beyondLargestSide,
  checkRanks,
  eigenSide,
  type Factorization,
  type FactorizationKind,
  type KernelShape,
  LARGEST_SIDE,
  partShapes,
} from './factorization.ts';
import type { Kernel } from './kernel.ts';
import { kernelOfLayer, type LayerWeights, type WeightLayer, weightLayersOf, weightsOfLayer } from './weight-layers.ts';

/**
 * The model with the layers of these names (see `WeightLayer.name`) factorised; new initializers are named after the old.
 * @param moments of the layers' inputs, see `decompose`
 * @throws SkeinError 'invalid-argument' for a layer that is not there or cannot be factorised so
 */
export function rewriteFactorized(
  model: Model,
  decisions: ReadonlyMap<string, Factorization>,
  moments?: ReadonlyMap<string, InputMoments>,
): Model {
  const layers = weightLayersOf(model);
  const editor = new GraphEditor(model.graph);
  for (const [name, decision] of decisions) {
    const layer = layerNamed(layers, name);
    checkFactorization(layer, decision);
    const parts = partsOf(weightsOfLayer(model, layer), name, decision, moments?.get(name));
    replace(editor, layer, parts, decision.kind);
  }
  return editor.changed ? { ...model, graph: editor.build() } : model;
}

/** @throws SkeinError 'invalid-argument' where there is none */
export function layerNamed(layers: readonly WeightLayer[], name: string): WeightLayer {
  const layer = layers.find((each) => each.name === name);
  if (layer !== undefined) return layer;
  const near = didYouMean(
    name,
    layers.map((each) => each.name),
  );
  throw new SkeinError('invalid-argument', `Cannot factorize '${name}': the model has no such layer${near}`);
}

/** The model with one of its layers split into these parts, see `partsOf`. */
export function withParts(model: Model, layer: WeightLayer, parts: readonly Kernel[], kind: FactorizationKind): Model {
  const editor = new GraphEditor(model.graph);
  replace(editor, layer, parts, kind);
  return { ...model, graph: editor.build() };
}

/**
 * A model that costs what the factorised one would, in MACs as in time: its new weights are all the same, so that nothing
 * needs to be computed for them. Names and ranks must fit.
 */
export function sketchFactorized(model: Model, factorizations: ReadonlyMap<string, Factorization>): Model {
  const editor = new GraphEditor(model.graph);
  for (const layer of weightLayersOf(model)) {
    const factorization = factorizations.get(layer.name);
    if (factorization === undefined) continue;
    const [out, channels, height, width] = layer.dims;
    const shapes = partShapes(factorization, { out, in: channels, height, width });
    replace(editor, layer, shapes.map(filled), factorization.kind);
  }
  return editor.changed ? { ...model, graph: editor.build() } : model;
}

function filled(shape: KernelShape): Kernel {
  const size = shape.out * shape.in * shape.height * shape.width;
  return { ...shape, data: new Float64Array(size).fill(0.01) };
}

/** @throws SkeinError 'invalid-argument' if the layer cannot be split so */
export function checkFactorization(layer: WeightLayer, { kind, ranks }: Factorization): void {
  const subject = describeNode(layer.node);
  const [out, channels, height, width] = layer.dims;
  if (layer.obstacle !== undefined) throw cannot(subject, layer.obstacle);
  const side = eigenSide(kind, { out, in: channels, height, width });
  if (side > LARGEST_SIDE) throw cannot(`${subject} by ${kind}`, beyondLargestSide(side));
  if (!layer.kinds.includes(kind)) {
    const window = `with a window of ${height}×${width}`;
    throw cannot(`${subject} by ${kind}`, `${window} it must be ${layer.kinds.join(' or ')}`);
  }
  checkRanks(subject, { kind, ranks }, { out, in: channels, height, width });
}

/**
 * The kernels of a layer's parts, of a factorisation that `checkFactorization` took.
 * @throws SkeinError 'invalid-argument' if the weights are no finite numbers
 */
export function partsOf(
  weights: LayerWeights,
  name: string,
  factorization: Factorization,
  moments?: InputMoments,
): readonly Kernel[] {
  const kernel = kernelOfLayer(weights);
  if (kernel === undefined) throw cannot(`'${name}'`, 'its weights must be finite numbers');
  return decompose(kernel, factorization, moments);
}

function cannot(subject: string, reason: string): SkeinError {
  return new SkeinError('invalid-argument', `Cannot factorize ${subject}: ${reason}`);
}

function replace(editor: GraphEditor, layer: WeightLayer, parts: readonly Kernel[], kind: FactorizationKind): void {
  const { node, weight } = layer;
  const stem = weight.replace(/\.weight$/, '');
  const labels = parts.length === 3 ? ['first', 'core', 'last'] : ['first', 'last'];
  let input = node.inputs[0] ?? '';
  editor.removeNode(node);
  for (const [i, part] of parts.entries()) {
    const label = labels[i] ?? '';
    const weights = editor.addInitializer(`${stem}.${label}.weight`, tensorOf(part, layer));
    const isLast = i === parts.length - 1;
    const added = editor.addNode({
      opType: node.opType,
      name: `${node.name || stem}.${label}`,
      inputs: [input, weights, ...(isLast ? node.inputs.slice(2) : [])],
      attributes: attributesOf(node, part, kind, i, isLast),
      ...(isLast ? { outputs: node.outputs } : {}),
    });
    input = added.outputs[0] ?? '';
  }
  editor.removeInitializer(weight);
  editor.setInputs(editor.inputs.filter(({ name }) => name !== weight));
}

function tensorOf({ out, in: channels, height, width, data }: Kernel, { node, transposed }: WeightLayer): Tensor {
  if (node.opType === 'Conv') return Tensor.float32([out, channels, height, width], Float32Array.from(data));
  if (!transposed) return Tensor.float32([out, channels], Float32Array.from(data));
  const turned = Float32Array.from(data, (_, i) => data[(i % out) * channels + Math.floor(i / out)] as number);
  return Tensor.float32([channels, out], turned);
}

function attributesOf(
  node: Node,
  { height, width }: Kernel,
  kind: FactorizationKind,
  index: number,
  isLast: boolean,
): Record<string, AttributeLike | undefined> {
  if (node.opType !== 'Conv') return isLast ? Object.fromEntries(node.attributes) : transposition(node);
  const [rows, columns] = windowAxes(kind, index);
  const along = <T>(values: readonly T[] | undefined, without: T): readonly T[] | undefined =>
    values?.map((value, i) => ((i % 2 === 0 ? rows : columns) ? value : without));
  const [strides, dilations] = [getInts(node, 'strides'), getInts(node, 'dilations')];
  const autoPad = getString(node, 'auto_pad');
  return {
    kernel_shape: [height, width],
    strides: along(strides, 1),
    dilations: along(dilations, 1),
    // Begins of both axes, then their ends.
    pads: along(getInts(node, 'pads'), 0),
    // Without a window there is nothing to pad.
    auto_pad: rows || columns ? autoPad : undefined,
    group: 1,
  };
}

function transposition(node: Node): Record<string, AttributeLike | undefined> {
  return { transB: node.attributes.get('transB') };
}

/** Along which axes, rows and columns, a part has the layer's window. */
function windowAxes(kind: FactorizationKind, index: number): readonly [rows: boolean, columns: boolean] {
  if (kind === 'spatial') return [index === 0, index === 1];
  const carries = index === (kind === 'svd' ? 0 : 1);
  return [carries, carries];
}
