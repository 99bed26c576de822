/**
 * The weights of convolutions and matrix products, which weight decay is for: what these operators multiply with, not their
 * biases, and not the scales of normalisations, whatever shapes they have.
 */
import type { Graph, Node } from '../graph/index.ts';
import { elementCount } from '../tensor/index.ts';
import { MOVES, originsOf, PRODUCTS } from './learnt-operators.ts';
import { knownOpType, ruleOf } from './op-rules.ts';
import type { OpType } from './op-type.ts';

/** Inputs that are multiplied; of other products every one. */
const FACTORS: { readonly [Op in OpType]?: readonly number[] } = {
  Conv: [0, 1],
  ConvInteger: [0, 1],
  ConvTranspose: [0, 1],
  Gemm: [0, 1],
  MatMulInteger: [0, 1],
  QLinearConv: [0, 3],
  QLinearMatMul: [0, 3],
};

/**
 * Names of initializers. One that comes to its product as it is, but for shape, type and rounding, is a weight; of those
 * that one is computed from (a direction and its length, a codebook) only tensors are, not vectors with ones around them.
 */
export function productWeights(graph: Graph): ReadonlySet<string> {
  const origin = originsOf(graph);
  const whole = new Set<string>();
  const parts = new Set<string>();
  for (const node of graph.nodes.toReversed()) {
    const opType = knownOpType(node);
    const ends = node.outputs.filter((name) => origin(name) === 'constant');
    const settings = ruleOf(node)?.settings ?? [];
    if (PRODUCTS.has(opType)) for (const i of factorsOf(node)) whole.add(node.inputs[i] ?? '');
    else if (isPassedOn(opType) && ends.some((name) => whole.has(name))) whole.add(node.inputs[0] ?? '');
    else if (ends.some((name) => whole.has(name) || parts.has(name)))
      for (const [i, name] of node.inputs.entries()) if (!settings.includes(i)) parts.add(name);
  }
  const isTensor = (name: string): boolean => {
    const dims = graph.initializers.get(name)?.dims ?? [];
    return elementCount(dims) > Math.max(...dims);
  };
  const names = [...graph.initializers.keys()];
  return new Set(names.filter((name) => whole.has(name) || (parts.has(name) && isTensor(name))));
}

function factorsOf(node: Node): readonly number[] {
  const opType = knownOpType(node);
  return (opType && FACTORS[opType]) ?? [...node.inputs.keys()];
}

function isPassedOn(opType: OpType | undefined): boolean {
  return MOVES.has(opType) || opType === 'QuantizeLinear' || opType === 'DequantizeLinear';
}
