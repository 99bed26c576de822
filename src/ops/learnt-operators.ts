/**
 * Where learnt numbers go: the operators that have weights, and what each value of a graph follows from. A constant that
 * meets the network's input before any of them (the mean of the images, say) is of the preprocessing.
 */
import { feedsOf, type Graph, type Node, subgraphsOf } from '../graph/index.ts';
import { knownOpType } from './op-rules.ts';
import type { OpType } from './op-type.ts';

export const PRODUCTS: ReadonlySet<OpType | undefined> = new Set([
  'Conv',
  'ConvInteger',
  'ConvTranspose',
  'Einsum',
  'Gemm',
  'MatMul',
  'MatMulInteger',
  'QLinearConv',
  'QLinearMatMul',
] as const);

export const LEARNT: ReadonlySet<OpType | undefined> = new Set([
  ...PRODUCTS,
  'BatchNormalization',
  'GroupNormalization',
  'InstanceNormalization',
  'LayerNormalization',
  'RMSNormalization',
  'PRelu',
] as const);

/** What may stand between a weight and its use. */
export const MOVES: ReadonlySet<OpType | undefined> = new Set([
  'Cast',
  'Flatten',
  'Identity',
  'Reshape',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
] as const);

/** What a value follows from: constants alone, the network's input, or that by way of an operator with weights. */
export type Origin = 'constant' | 'input' | 'learnt';

/** Says of each value of a graph what it follows from. */
export type Origins = (value: string) => Origin;

/**
 * An operator that Skein does not know, or that has graphs inside, may have learnt anything: its weights may be attributes.
 * @param around of the graph that this one stands in: what comes from there is taken for learnt unless it is constant
 */
export function originsOf(graph: Graph, around?: Origins): Origins {
  const inside = around !== undefined;
  const origins = new Map<string, Origin>([...graph.initializers.keys()].map((name) => [name, 'constant']));
  for (const { name } of feedsOf(graph)) origins.set(name, inside ? 'learnt' : 'input');
  const of: Origins = (value) => {
    const outer = value === '' ? 'constant' : (around?.(value) ?? 'constant');
    return origins.get(value) ?? (outer === 'constant' ? 'constant' : 'learnt');
  };
  for (const node of graph.nodes) {
    const origin = originOf(node, of);
    for (const output of node.outputs) origins.set(output, origin);
  }
  return of;
}

function originOf(node: Node, of: Origins): Origin {
  if (subgraphsOf(node).length > 0) return 'learnt';
  const isKnown = knownOpType(node) !== undefined;
  const inputs = new Set(node.inputs.filter((name) => name !== '').map(of));
  if (inputs.has('learnt')) return 'learnt';
  if (!inputs.has('input')) return 'constant';
  return !isKnown || (mayLearn(node) && inputs.has('constant')) ? 'learnt' : 'input';
}

/** Whether the constants of this operator are learnt, whatever they meet there. */
export function mayLearn(node: Node): boolean {
  const opType = knownOpType(node);
  return opType === undefined || LEARNT.has(opType) || subgraphsOf(node).length > 0;
}
