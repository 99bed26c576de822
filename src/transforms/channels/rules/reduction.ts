/** Reductions and pooling: channels go on unless they are what is summed up. */
import type { ChannelContext } from '../channel-context.ts';
import type { ChannelBlock } from '../channel-layout.ts';
import { type ChannelRule, overMaps } from '../channel-rule.ts';

const reduces: ChannelRule = {
  relate(c) {
    const rank = c.dims(0)?.length;
    const axes = rank === undefined ? undefined : reducedAxes(c, rank);
    if (axes === undefined) return;
    const keep = c.op.int('keepdims', 1) !== 0;
    const blocks: ChannelBlock[] = [];
    for (const block of c.layout(0)) {
      if (axes.includes(block.axis)) c.fix(block.atoms);
      else blocks.push({ ...block, axis: keep ? block.axis : block.axis - axes.filter((a) => a < block.axis).length });
    }
    c.setOutput(0, blocks);
  },
};

function reducedAxes(c: ChannelContext, rank: number): number[] | undefined {
  const given = c.op.has(1) ? c.op.numbers(1) : (c.op.ints('axes') ?? []);
  if (given === undefined) return undefined;
  if (given.length > 0) return given.map((axis) => c.op.axisOf(axis, rank));
  return c.op.int('noop_with_empty_axes', 0) !== 0 ? [] : Array.from({ length: rank }, (_, axis) => axis);
}

export const reductions = {
  AveragePool: overMaps,
  GlobalAveragePool: overMaps,
  GlobalLpPool: overMaps,
  GlobalMaxPool: overMaps,
  LpPool: overMaps,
  MaxPool: overMaps,
  MaxUnpool: 'opaque',
  ReduceL1: reduces,
  ReduceL2: reduces,
  ReduceLogSum: reduces,
  ReduceLogSumExp: reduces,
  ReduceMax: reduces,
  ReduceMean: reduces,
  ReduceMin: reduces,
  ReduceProd: reduces,
  ReduceSum: reduces,
  ReduceSumSquare: reduces,
  ArgMax: 'opaque',
  ArgMin: 'opaque',
  CumSum: 'opaque',
  TopK: 'opaque',
} as const;
