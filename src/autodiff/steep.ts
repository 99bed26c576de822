/**
 * Where gradients may be infinite: before a root, a logarithm, a quotient. Rules that block some elements of a gradient
 * must select there, and may multiply by 0 and 1 elsewhere.
 */
import { type Node, usedBy } from '../graph/index.ts';
import { isConstant, type KnownValue } from '../ops/index.ts';

const STEEP: ReadonlySet<string> = new Set([
  'Acos',
  'Acosh',
  'Asin',
  'Atanh',
  'Div',
  'Log',
  'LpNormalization',
  'Pow',
  'Reciprocal',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceProd',
  'Sqrt',
  'Tan',
]);

/** The values that an operator with an unbounded slope follows, directly or later. */
export function beforeSteep(nodes: readonly Node[], values: ReadonlyMap<string, KnownValue>): ReadonlySet<string> {
  const before = new Set<string>();
  for (const node of nodes.toReversed()) {
    if (!isSteep(node, values) && !node.outputs.some((output) => before.has(output))) continue;
    for (const name of usedBy(node)) before.add(name);
  }
  return before;
}

function isSteep(node: Node, values: ReadonlyMap<string, KnownValue>): boolean {
  if (!STEEP.has(node.opType)) return false;
  if (node.opType !== 'Div' && node.opType !== 'Pow') return true;
  // Known numbers: dividing by them is a product, and a power of at least 1 is flat at 0.
  const second = values.get(node.inputs[1] ?? '');
  if (second === undefined || !isConstant(second)) return true;
  return second.elements.some((element) => (node.opType === 'Div' ? element === 0 : Number(element) < 1));
}
