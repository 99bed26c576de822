/**
 * Which constants of a graph are parameters: numbers that training changes. It goes by where they are used: the weights of
 * learnt operators, and what is added to or multiplied with what comes from these (a bias, a layer scale, a position's
 * embedding). What meets the network's input before all of them is preprocessing.
 */
import { capturedBy, type Graph, type Node, subgraphsOf, type Tensor } from '../graph/index.ts';
import type { DType } from '../tensor/index.ts';
import { mayLearn, type Origins, originsOf } from './learnt-operators.ts';
import { knownOpType, ruleOf } from './op-rules.ts';
import type { OpType } from './op-type.ts';

export const FLOAT_TYPES: ReadonlySet<DType | undefined> = new Set([
  'float32',
  'float64',
  'float16',
  'bfloat16',
] as const);

/**
 * The names of the initializers that training would change: floats of at least one dimension that feed something other
 * than an operator's settings, the preprocessing (Add, Sub, Mul or Div with what comes from the network's input alone), or
 * a mask (an operand with infinite elements). A quantised weight counts as the floats that it stands for.
 */
export function trainableInitializers(graph: Graph): string[] {
  return [...parameterUses(graph)].filter(([name]) => graph.initializers.has(name)).map(([name]) => name);
}

/** The constants that are parameters, with the node that is the first to use each. */
export function parameterUses(graph: Graph, around?: Origins): Map<string, { node: Node; size: number }> {
  const constants = new Map<string, Tensor>(graph.initializers);
  for (const node of graph.nodes) {
    const value = node.opType === 'Constant' && node.domain === '' ? node.attributes.get('value') : undefined;
    // Exporters write scalars of formulas (the √2 of Gelu) as constants; weights have several elements.
    if (value?.kind === 'tensor' && value.value.size > 1) constants.set(node.outputs[0] ?? '', value.value);
  }
  const of = originsOf(graph, around);
  const places = placesOf(graph, of);
  const uses = new Map<string, { node: Node; size: number }>();
  for (const node of graph.nodes) {
    for (const [i, name] of node.inputs.entries()) {
      const tensor = constants.get(name);
      if (tensor === undefined || uses.has(name) || !isParameter(node, i, tensor)) continue;
      const place = placeAt(node, i, places, of);
      if (place === undefined || (place === 'operand' && isMask(tensor))) continue;
      uses.set(name, { node, size: tensor.size });
    }
    // A subgraph may use a weight of the graph around it.
    for (const inner of subgraphsOf(node)) {
      const initializers = new Map([...constants, ...inner.initializers]);
      for (const [name] of parameterUses({ ...inner, initializers }, of)) {
        const tensor = constants.get(name);
        if (tensor !== undefined && !uses.has(name)) uses.set(name, { node, size: tensor.size });
      }
    }
  }
  return uses;
}

/** Where a constant comes to: among the weights of a learnt operator, or beside values behind one. */
type Place = 'weight' | 'operand';

const ARITHMETIC: ReadonlySet<OpType | undefined> = new Set(['Add', 'Div', 'Mul', 'Sub'] as const);

/** Of the values that follow from constants alone and come to such places, as they are or as something made of them. */
function placesOf(graph: Graph, of: Origins): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>(graph.outputs.map(({ name }) => [name, 'operand']));
  for (const node of graph.nodes.toReversed()) {
    for (const inner of subgraphsOf(node)) for (const name of capturedBy(inner)) places.set(name, 'weight');
    for (const [i, name] of node.inputs.entries()) {
      const place = of(name) === 'constant' ? placeAt(node, i, places, of) : undefined;
      if (place !== undefined && places.get(name) !== 'weight') places.set(name, place);
    }
  }
  return places;
}

function placeAt(node: Node, i: number, places: ReadonlyMap<string, Place>, of: Origins): Place | undefined {
  if (ruleOf(node)?.settings.includes(i)) return undefined;
  if (mayLearn(node)) return 'weight';
  if (node.outputs.every((output) => of(output) === 'constant')) {
    const ends = node.outputs.map((output) => places.get(output));
    return ends.find((place) => place === 'weight') ?? ends.find((place) => place !== undefined);
  }
  if (ARITHMETIC.has(knownOpType(node)) && !node.inputs.some((name) => of(name) === 'learnt')) return undefined;
  return 'operand';
}

const INTEGER_WEIGHTS: Readonly<Record<string, number>> = {
  DequantizeLinear: 0,
  ConvInteger: 1,
  MatMulInteger: 1,
  QLinearConv: 3,
  QLinearMatMul: 3,
};

function isParameter(node: Node, i: number, tensor: Tensor): boolean {
  if (tensor.dims.length === 0) return false;
  return FLOAT_TYPES.has(tensor.dtype) || (node.domain === '' && INTEGER_WEIGHTS[node.opType] === i);
}

/** −∞ where attention must not look. */
function isMask(tensor: Tensor): boolean {
  return FLOAT_TYPES.has(tensor.dtype) && (tensor.elements() ?? []).some((each) => !Number.isFinite(Number(each)));
}
