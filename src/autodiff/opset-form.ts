/**
 * A node of one version of the standard operator set as another version writes it. From 13 on, what classifiers are made of
 * means the same in all versions but for a few operators that changed in 18: reductions, whose axes became an input, and
 * Split into equal parts.
 */
import { SkeinError } from '../base/index.ts';
import { describeNode, getInts, ints, type Node, Tensor } from '../graph/index.ts';
import { OpContext } from '../ops/index.ts';
import type { GraphWriter } from './graph-writer.ts';

/** ReduceSum takes its axes as an input in 13 already. */
const REDUCTIONS: ReadonlySet<string> = new Set([
  'ReduceL1',
  'ReduceL2',
  'ReduceLogSum',
  'ReduceLogSumExp',
  'ReduceMax',
  'ReduceMean',
  'ReduceMin',
  'ReduceProd',
  'ReduceSumSquare',
]);

/**
 * @param node its inputs are values of the writer's graph
 * @param from the version that it was written for, 13 or newer
 * @throws SkeinError 'unsupported' naming a node that the writer's version cannot say
 */
export function inOpsetOf(writer: GraphWriter, node: Node, from: number): Node {
  const to = writer.opset;
  const crosses = (version: number): boolean => Math.min(from, to) < version && Math.max(from, to) >= version;
  if (node.domain !== '') return node;
  if (crosses(18) && REDUCTIONS.has(node.opType))
    return to >= 18 ? withAxesInput(writer, node) : withAxes(writer, node);
  if (crosses(18) && node.opType === 'Split') return split(node, to);
  if (crosses(21) && node.opType === 'GroupNormalization') throw refusal(node, from, to);
  return node;
}

function withAxesInput(writer: GraphWriter, node: Node): Node {
  const axes = getInts(node, 'axes');
  const attributes = new Map([...node.attributes].filter(([name]) => name !== 'axes'));
  const [x = ''] = node.inputs;
  return { ...node, inputs: axes === undefined ? [x] : [x, writer.constant(Tensor.int64s(axes))], attributes };
}

function withAxes(writer: GraphWriter, node: Node): Node {
  const op = new OpContext(node, writer.types, writer.values);
  const attributes = new Map([...node.attributes].filter(([name]) => name !== 'noop_with_empty_axes'));
  const axes = op.has(1) ? op.numbers(1) : [];
  const isNothing = axes?.length === 0 && op.int('noop_with_empty_axes', 0) !== 0;
  if (axes === undefined || isNothing) throw refusal(node, 18, writer.opset);
  if (axes.length > 0) attributes.set('axes', ints(axes));
  return { ...node, inputs: node.inputs.slice(0, 1), attributes };
}

/** Without sizes the parts are equal, which 18 wants to be told by how many there are. */
function split(node: Node, to: number): Node {
  const attributes = new Map([...node.attributes].filter(([name]) => name !== 'num_outputs'));
  const hasSizes = (node.inputs[1] ?? '') !== '';
  if (to >= 18 && !hasSizes) attributes.set('num_outputs', { kind: 'int', value: BigInt(node.outputs.length) });
  return { ...node, attributes };
}

function refusal(node: Node, from: number, to: number): SkeinError {
  return new SkeinError(
    'unsupported',
    `The operator set ${to} has no form of ${describeNode(node)} of operator set ${from}: export both models with the same`,
  );
}
