import { describe, expect, it } from 'vitest';
import type { Model } from '../../graph/index.ts';
import { costOf, GraphBuilder } from '../../ops/index.ts';
import { channelGroups } from '../../transforms/index.ts';
import { macsTarget, paramsTarget, pruneToTarget } from './prune-to-target.ts';
import { fastMultiple, type OrderOptions, prunedModel, pruningOrder } from './pruning-order.ts';

/** A chain of 1×1 convolutions of these widths on one pixel, and a last one of 2 channels. */
function chain(...widths: number[]): Model {
  const b = new GraphBuilder();
  let x = b.input('x', 'float32', ['batch', 3, 1, 1]);
  for (const out of widths) x = b.relu(b.conv(x, { out, kernel: 1, bias: false }));
  b.output('y', b.conv(x, { out: 2, kernel: 1, bias: false }));
  return b.build();
}

const steps = (model: Model, importance: number[], options: OrderOptions) =>
  pruningOrder(model, channelGroups(model), Float64Array.from(importance), options).map(({ units }) => units);
const one = () => 1;

describe('pruningOrder()', () => {
  it('takes the least important first, over all layers, and never the last of one', () => {
    expect(steps(chain(3, 2), [5, 1, 3, 2, 4], { multiple: one, least: one })).toEqual([[1], [3], [2]]);
  });

  it('takes the same share of every layer', () => {
    const order = steps(chain(4, 2), [1, 2, 3, 4, 50, 60], { scope: 'layer', multiple: one, least: one });
    expect(order).toEqual([[0], [1], [4], [2]]);
  });

  it('takes portions that leave multiples', () => {
    // 6 of multiples of 4: first two, so that four are left, and these stay.
    expect(steps(chain(6), [6, 5, 4, 3, 2, 1], { multiple: () => 4 })).toEqual([[5, 4]]);
    expect([8, 16, 32, 64, 512].map(fastMultiple)).toEqual([4, 8, 8, 16, 16]);
  });

  it('keeps a share of each layer, and what is not a number', () => {
    expect(steps(chain(4), [1, 2, 3, 4], { multiple: one, least: () => 2 })).toEqual([[0], [1]]);
    expect(steps(chain(4), [1, Number.NaN, 3, 4], { multiple: one, least: one })).toEqual([[0], [2], [3]]);
  });

  it('never empties a part of what is split', () => {
    const b = new GraphBuilder();
    const [left = '', right = ''] = b.split(
      b.conv(b.input('x', 'float32', [1, 3, 1, 1]), { out: 4, kernel: 1 }),
      [2, 2],
    );
    b.output('y', b.add(b.conv(left, { out: 2, kernel: 1 }), b.conv(right, { out: 2, kernel: 1 })));
    expect(steps(b.build(), [1, 2, 3, 4], { multiple: one, least: one })).toEqual([[0], [2]]);
  });

  it('takes a residual block as a whole where its channels go', () => {
    const b = new GraphBuilder();
    const x = b.relu(b.conv(b.input('x', 'float32', ['n', 3, 4, 4]), { out: 2, kernel: 1, name: 'stem' }));
    const inner = b.relu(b.conv(x, { out: 4, kernel: 1, name: 'inner' }));
    b.output('y', b.conv(b.relu(b.add(b.conv(inner, { out: 2, kernel: 1 }), x)), { out: 2, kernel: 1 }));
    const model = b.build();
    const groups = channelGroups(model);
    expect(groups.groups.map(({ name }) => name)).toEqual(['stem', 'inner']);
    const importance = Float64Array.of(9, 9, 1, 2, 3, 4);
    const order = pruningOrder(model, groups, importance, { multiple: () => 2, least: one });
    expect(order.map(({ units, branch }) => [units, branch !== undefined])).toEqual([
      [[2, 3], false],
      [[4, 5], true],
    ]);
    const shallow = prunedModel(model, groups, order);
    expect(shallow.graph.nodes.map(({ opType }) => opType)).toEqual(['Conv', 'Relu', 'Conv']);
    const kept = pruningOrder(model, groups, importance, { multiple: () => 2, least: one, blocks: false });
    expect(kept.map(({ units }) => units)).toEqual([[2, 3]]);
  });
});

describe('pruneToTarget()', () => {
  const model = chain(8, 8);
  const groups = channelGroups(model);
  const order = pruningOrder(
    model,
    groups,
    Float64Array.from({ length: 16 }, (_, i) => i),
    { multiple: one, least: one },
  );

  it('goes no further than it must', async () => {
    // 3·8 + 8·8 + 8·2 = 104; with n of the first layer's channels left 11·n + 16: 60 with 4 of them, 71 with 5.
    const pruned = await pruneToTarget(model, groups, order, [macsTarget(70)]);
    expect([pruned.reached, pruned.costs, costOf(pruned.model).macs, pruned.steps.length]).toEqual([true, [60], 60, 4]);
    expect((await pruneToTarget(model, groups, order, [paramsTarget(71)])).steps.length).toBe(3);
    expect((await pruneToTarget(model, groups, order, [macsTarget(104)])).model).toBe(model);
  });

  it('says how far it came', async () => {
    const least = await pruneToTarget(model, groups, order, [macsTarget(5)]);
    // One channel each: 3 + 1 + 2.
    expect([least.reached, least.costs]).toEqual([false, [6]]);
  });

  it('stops on the signal', async () => {
    const stopped = pruneToTarget(model, groups, order, [macsTarget(50)], AbortSignal.abort());
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
  });
});
