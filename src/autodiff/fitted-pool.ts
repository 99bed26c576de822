/**
 * Pools whose windows ONNX Runtime counts the same when it loads a model as when it runs it. A last window of ceil_mode that
 * would start behind the data is dropped when it runs; ONNX's shape inference keeps it before operator set 22, and the
 * shapes that gradients are written with contradict that.
 */
import { ints, makeNode, type Node, Tensor } from '../graph/index.ts';
import { type Dims, OpContext, padsOf, windowOf, windowSteps } from '../ops/index.ts';
import type { GraphWriter } from './graph-writer.ts';

const POOLS: ReadonlySet<string> = new Set(['AveragePool', 'LpPool', 'MaxPool']);

/**
 * The same pool, ending where its last window does along the axes that have one to drop: with less padding, or behind a
 * Slice that takes off what no window sees. The node alone where nothing is dropped or the sizes are not known.
 */
export function fittedPool(writer: GraphWriter, node: Node): readonly Node[] {
  if (node.domain !== '' || !POOLS.has(node.opType)) return [node];
  const op = new OpContext(node, writer.types, writer.values);
  const ends = endsOf(op, op.dims(0)?.slice(2) ?? []);
  const dropping = ends.flatMap(({ needed, after }, i) => (needed < after ? [{ axis: i + 2, needed }] : []));
  if (dropping.length === 0) return [node];
  const pads = ints([
    ...ends.map(({ before }) => before),
    ...ends.map(({ needed, after }) => Math.max(Math.min(needed, after), 0)),
  ]);
  const pool = { ...node, attributes: new Map([...node.attributes, ['pads', pads] as const]) };
  const surplus = dropping.filter(({ needed }) => needed < 0);
  if (surplus.length === 0) return [pool];
  const list = (values: readonly number[]): string => writer.constant(Tensor.int64s(values));
  const [x = ''] = node.inputs;
  const name = writer.freshName(`${node.name || node.opType}/Slice`);
  const zeros = surplus.map(() => 0);
  const slice = makeNode({
    name,
    opType: 'Slice',
    inputs: [x, list(zeros), list(surplus.map(({ needed }) => needed)), list(surplus.map(({ axis }) => axis))],
    outputs: [writer.freshName(`${name}_y`)],
  });
  return [slice, { ...pool, inputs: slice.outputs }];
}

/** Along each axis: padding before, behind, and how much of that the last window needs; less than 0 where it ends before. */
function endsOf(op: OpContext, spatial: Dims): { before: number; after: number; needed: number }[] {
  const window = windowOf(op, op.ints('kernel_shape') ?? []);
  if (!window.ceilMode || window.autoPad !== 'NOTSET') return [];
  return spatial.map((size, axis) => {
    const [before, after] = padsOf(window, axis);
    if (typeof size !== 'number') return { before, after, needed: after };
    const reach = ((window.kernel[axis] ?? 1) - 1) * (window.dilations[axis] ?? 1) + 1;
    const last = (windowSteps(window, axis, size) - 1) * (window.strides[axis] ?? 1);
    return { before, after, needed: last + reach - size - before };
  });
}
