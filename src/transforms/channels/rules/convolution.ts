/**
 * Convolutions: each output channel has a row of the weight, each input channel a column. Groups must stay alike: either
 * whole groups go (each with its input and its output channels; depthwise convolutions are the extreme of that), or the
 * same places in every group, whichever leaves more that can go one by one.
 */
import { int, type Node } from '../../../graph/index.ts';
import type { OpContext } from '../../../ops/index.ts';
import type { ChannelContext } from '../channel-context.ts';
import type { ChannelRule } from '../channel-rule.ts';
import type { Narrowing } from '../narrowing.ts';

/** Where a weight has its output channels: Conv's is [out, in / group, …], ConvTranspose's [in, out / group, …]. */
type OutAxis = 0 | 1;

interface Groups {
  readonly group: number;
  /** Channels of each group. */
  readonly ins: number;
  readonly outs: number;
}

function groupsOf(op: OpContext, outAxis: OutAxis): Groups | undefined {
  const group = op.int('group', 1);
  const [first, second] = op.dims(1) ?? [];
  if (typeof first !== 'number' || typeof second !== 'number') return undefined;
  return outAxis === 0 ? { group, ins: second, outs: first / group } : { group, ins: first / group, outs: second };
}

function goWhole({ group, ins, outs }: Groups): boolean {
  return group > 1 && group >= Math.max(ins, outs);
}

function convolution(outAxis: OutAxis): ChannelRule {
  return {
    relate(c) {
      const groups = groupsOf(c.op, outAxis);
      const relate = groups?.group === 1 ? relatePlain : groups && goWhole(groups) ? relateWhole : relatePlaces;
      const out = groups && relate(c, outAxis, groups);
      if (out === undefined) return;
      if (c.op.has(2)) {
        c.unify(c.atoms(2, 0), out);
        c.role(2, 0, 'bias');
      }
      c.setOutput(0, [{ axis: 1, axes: 1, atoms: out }]);
    },
    narrow: (op, narrowing) => narrowed(op, outAxis, narrowing),
  };
}

function relatePlain(c: ChannelContext, outAxis: OutAxis): Int32Array | undefined {
  const inAxis = 1 - outAxis;
  const x = c.atoms(0, 1);
  c.unify(x, c.atoms(1, inAxis), c.reasonOf(x === undefined ? 0 : 1));
  c.role(1, inAxis, 'input');
  c.role(1, outAxis, 'output');
  c.consume(0, 1);
  return c.atoms(1, outAxis);
}

/** The rows of a group, its input channels and its output channels are one. */
function relateWhole(c: ChannelContext, outAxis: OutAxis, { group, ins, outs }: Groups): Int32Array | undefined {
  const rows = c.atoms(1, 0);
  if (rows === undefined) return undefined;
  const size = rows.length / group;
  const each = (count: number): Int32Array =>
    Int32Array.from({ length: group * count }, (_, i) => rows[Math.floor(i / count) * size] ?? 0);
  c.unify(rows, each(size));
  c.unify(c.atoms(0, 1), each(ins), c.reasonOf(0));
  c.role(1, 0, 'output');
  return outAxis === 0 ? rows : each(outs);
}

/** The same place goes in every group: axis 1 of the weight stands for all groups already, the rows are tied together. */
function relatePlaces(c: ChannelContext, outAxis: OutAxis, { group }: Groups): Int32Array | undefined {
  const [rows, columns] = [c.atoms(1, 0), c.atoms(1, 1)];
  if (rows === undefined || columns === undefined) return undefined;
  c.unify(
    rows,
    rows.map((_, i) => rows[i % (rows.length / group)] ?? 0),
  );
  const repeated = Int32Array.from({ length: columns.length * group }, (_, i) => columns[i % columns.length] ?? 0);
  c.unify(c.atoms(0, 1), outAxis === 0 ? repeated : rows, c.reasonOf(0));
  c.role(1, 1 - outAxis, 'input');
  c.role(1, outAxis, 'output');
  c.consume(0, 1);
  return outAxis === 0 ? rows : repeated;
}

function narrowed(op: OpContext, outAxis: OutAxis, { kept }: Narrowing): Node {
  const { node } = op;
  const groups = groupsOf(op, outAxis);
  const left = kept(node.inputs[0] ?? '', 1)?.length;
  if (groups === undefined || !goWhole(groups) || left === undefined) return node;
  const attributes = new Map(node.attributes);
  attributes.set('group', int(left / groups.ins));
  return { ...node, attributes };
}

export const convolutions = {
  Conv: convolution(0),
  ConvTranspose: convolution(1),
  ConvInteger: 'opaque',
  QLinearConv: 'opaque',
} as const;
