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
  'Pow',
  'Reciprocal',
  'ReduceL2',
  'ReduceLogSum',
  'Sqrt',
  'Tan',
]);

/**
 * The values that an operator with an unbounded slope follows, directly or later.
 * @param active the values that a gradient reaches
 */
export function beforeSteep(
  nodes: readonly Node[],
  values: ReadonlyMap<string, KnownValue>,
  active: ReadonlySet<string>,
): ReadonlySet<string> {
  const before = new Set<string>();
  for (const node of nodes.toReversed()) {
    const follows = node.outputs.some((output) => before.has(output));
    for (const name of follows ? usedBy(node) : steepInputs(node, values)) if (active.has(name)) before.add(name);
  }
  return before;
}

function steepInputs(node: Node, values: ReadonlyMap<string, KnownValue>): readonly string[] {
  if (!STEEP.has(node.opType)) return [];
  // A numerator's gradient is infinite only where the quotient itself is.
  if (node.opType === 'Div') return node.inputs.slice(1);
  if (node.opType !== 'Pow') return node.inputs;
  // A power of at least 1 is flat at 0.
  const exponent = values.get(node.inputs[1] ?? '');
  const isFlat = exponent !== undefined && isConstant(exponent) && exponent.elements.every((e) => Number(e) >= 1);
  return isFlat ? [] : node.inputs;
}
