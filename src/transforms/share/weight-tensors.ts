/** The weights that pruning and sharing are of: those of convolutions and of matrix products, biases and norms not among them. */
import { constantInitializers, type Model, type Node } from '../../graph/index.ts';

export interface WeightTensor {
  /** The initializer. */
  readonly name: string;
  readonly kind: 'conv' | 'fc';
  readonly size: number;
}

/** Where each operator has its weight. */
const WEIGHTS: Readonly<Record<string, { readonly kind: WeightTensor['kind']; readonly inputs: readonly number[] }>> = {
  Conv: { kind: 'conv', inputs: [1] },
  ConvTranspose: { kind: 'conv', inputs: [1] },
  Gemm: { kind: 'fc', inputs: [0, 1] },
  MatMul: { kind: 'fc', inputs: [0, 1] },
};

/** The float32 initializers of at least two dimensions that such nodes multiply by, in the order of their use. */
export function weightTensors({ graph, irVersion }: Model): WeightTensor[] {
  const initializers = constantInitializers(graph, irVersion);
  const layers = new Map<string, WeightTensor>();
  for (const node of graph.nodes) {
    for (const [name, kind] of weightsOf(node)) {
      const tensor = initializers.get(name);
      if (tensor?.dtype !== 'float32' || tensor.dims.length < 2 || tensor.size === 0 || layers.has(name)) continue;
      layers.set(name, { name, kind, size: tensor.size });
    }
  }
  return [...layers.values()];
}

function weightsOf(node: Node): [string, WeightTensor['kind']][] {
  const found = node.domain === '' ? WEIGHTS[node.opType] : undefined;
  return (found?.inputs ?? []).map((i) => [node.inputs[i] ?? '', (found as { kind: WeightTensor['kind'] }).kind]);
}
