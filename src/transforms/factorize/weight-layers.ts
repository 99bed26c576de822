/** The layers of a model that factorising is about, and what stands in the way of each. */
import { constantInitializers, consumersOf, getInt, type Model, type Node, type Tensor } from '../../graph/index.ts';
import { beyondLargestSide, eigenSide, type FactorizationKind, LARGEST_SIDE } from './factorization.ts';
import { type Kernel, kernelOf } from './kernel.ts';

export interface WeightLayer {
  /** The node's name, or what it makes where it has none of its own. */
  readonly name: string;
  readonly node: Node;
  /** Name of the initializer with its weights. */
  readonly weight: string;
  /** Of [out, in, height, width]; of a matrix product without window. */
  readonly dims: readonly [out: number, channels: number, height: number, width: number];
  /** Whether the initializer is [in, out]. */
  readonly transposed: boolean;
  /** What it can be split by; empty where something is in the way. */
  readonly kinds: readonly FactorizationKind[];
  /** Why it cannot be factorized. */
  readonly obstacle?: string;
}

/** Every Conv, Gemm and MatMul with constant weights; those that cannot be factorized say why. */
export function weightLayersOf(model: Model): readonly WeightLayer[] {
  const constants = constantInitializers(model.graph, model.irVersion);
  const consumers = consumersOf(model.graph);
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  const usesOf = (name: string): number => (consumers.get(name)?.length ?? 0) + (outputs.has(name) ? 1 : 0);
  const nodes = model.graph.nodes.filter(({ opType, domain }) => domain === '' && /^(Conv|Gemm|MatMul)$/.test(opType));
  const names = new Map<string, number>();
  for (const { name } of nodes) names.set(name, (names.get(name) ?? 0) + 1);
  return nodes.flatMap((node): WeightLayer[] => {
    const weight = node.inputs[1] ?? '';
    const tensor = constants.get(weight);
    if (tensor === undefined) return [];
    const name = node.name !== '' && names.get(node.name) === 1 ? node.name : (node.outputs[0] ?? '');
    const transposed = node.opType === 'MatMul' || (node.opType === 'Gemm' && getInt(node, 'transB', 0) === 0);
    const [a = 1, b = 1, height = 1, width = 1] = tensor.dims;
    const dims = transposed ? ([b, a, 1, 1] as const) : ([a, b, height, width] as const);
    const [out, channels] = dims;
    const possible = kindsOf(height, width);
    const sides = possible.map((kind) => eigenSide(kind, { out, in: channels, height, width }));
    const shortest = Math.min(...sides);
    const tooWide = shortest > LARGEST_SIDE ? beyondLargestSide(shortest) : undefined;
    const obstacle = obstacleOf(node, tensor, usesOf(weight)) ?? tooWide;
    const kinds = obstacle === undefined ? possible.filter((_, i) => (sides[i] as number) <= LARGEST_SIDE) : [];
    return [{ name, node, weight, dims, transposed, kinds, ...(obstacle === undefined ? {} : { obstacle }) }];
  });
}

function obstacleOf(node: Node, tensor: Tensor, uses: number): string | undefined {
  const rank = node.opType === 'Conv' ? 4 : 2;
  if (node.opType === 'Conv' && getInt(node, 'group', 1) !== 1) return 'its channels are in groups';
  if (tensor.dims.length !== rank) return `its weights have ${tensor.dims.length} dimensions instead of ${rank}`;
  if (tensor.dtype !== 'float32') return `its weights are ${tensor.dtype}`;
  if (uses !== 1) return `its weights are used ${uses} times`;
  if (node.opType === 'Gemm' && getInt(node, 'transA', 0) !== 0) return 'its input is transposed';
  if (tensor.size === 0) return 'it has no weights';
  return undefined;
}

function kindsOf(height: number, width: number): readonly FactorizationKind[] {
  if (height === 1 && width === 1) return ['svd'];
  return height > 1 && width > 1 ? ['svd', 'tucker2', 'spatial'] : ['svd', 'tucker2'];
}

/** What a thread needs to know of a layer to decompose it. */
export interface LayerWeights extends Pick<WeightLayer, 'dims' | 'transposed'> {
  /** As the initializer has them; a copy, so that it can be moved. */
  readonly elements: Float32Array<ArrayBuffer>;
}

export function weightsOfLayer(model: Model, { weight, dims, transposed }: WeightLayer): LayerWeights {
  const elements = model.graph.initializers.get(weight)?.float32s() ?? new Float32Array();
  return { dims, transposed, elements: Float32Array.from(elements) };
}

/** Undefined where some weights are no finite numbers. */
export function kernelOfLayer({ dims, transposed, elements }: LayerWeights): Kernel | undefined {
  if (!elements.every(Number.isFinite)) return undefined;
  const [out, channels] = dims;
  if (!transposed) return kernelOf(dims, elements);
  return kernelOf(
    dims,
    Float64Array.from(elements, (_, i) => elements[(i % channels) * out + Math.floor(i / channels)] ?? 0),
  );
}
