import { afterAll, describe, expect, it } from 'vitest';
import { smallImages } from '../../../test/small-training.ts';
import type { Model } from '../../graph/index.ts';
import { costOf, GraphBuilder } from '../../ops/index.ts';
import { residualBranches } from '../../transforms/index.ts';
import { Meter } from '../meter.ts';
import { macsTarget, type PruningTarget, paramsTarget } from './prune-to-target.ts';
import { removeBlocksFirst } from './remove-blocks-first.ts';

const preprocessing = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
const meter = new Meter();
afterAll(() => meter.close());

/** @param hidden numbers of the layer between pooling and scores: parameters, hardly any MACs */
function network(blocks: number, hidden: number): Model {
  const b = new GraphBuilder({ seed: 4 });
  let y = b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: 8, kernel: 3, padding: 1 });
  for (let block = 0; block < blocks; block++) y = b.relu(b.add(y, b.conv(y, { out: 8, kernel: 3, padding: 1 })));
  const pooled = b.flatten(b.averagePool(y, { kernel: 8 }));
  b.output('logits', b.linear(b.relu(b.linear(pooled, { out: hidden })), { out: 10 }));
  return b.build();
}

const first = async (model: Model, target: PruningTarget, part?: number) => {
  const words = { meter, data: await smallImages(10), preprocessing, ...(part === undefined ? {} : { part }) };
  const { model: made, removed, reached } = await removeBlocksFirst(model, [target], words);
  return { made, blocks: residualBranches(made).length, removed: removed.length, reached };
};

describe('removeBlocksFirst()', () => {
  it('goes a quarter of the way where there are many blocks, and leaves few alone', async () => {
    const model = network(8, 10);
    const { macs } = costOf(model);
    const { blocks, removed, reached, made } = await first(model, macsTarget(macs / 4));
    // A quarter of the way to a quarter: 1 / √2. A block is 36,864 of the 308,744 MACs, so that takes three.
    expect({ blocks, removed, reached }).toEqual({ blocks: 5, removed: 3, reached: true });
    expect(costOf(made).macs).toBeLessThanOrEqual(macs / Math.SQRT2);
    expect(await first(network(7, 10), macsTarget(1))).toMatchObject({ blocks: 7, removed: 0, reached: true });
  });

  it('goes as much of the way as it is told', async () => {
    const model = network(4, 10);
    const { macs } = costOf(model);
    expect(await first(model, macsTarget(macs / 2), 1)).toMatchObject({ blocks: 1, removed: 3 });
    expect(await first(model, macsTarget(macs / 2), 0)).toMatchObject({ blocks: 4, removed: 0 });
  });

  it('keeps all blocks where what costs most lies elsewhere', async () => {
    const model = network(8, 2000);
    const { params } = costOf(model);
    expect(await first(model, paramsTarget(params / 2))).toMatchObject({
      made: model,
      blocks: 8,
      removed: 0,
      reached: false,
    });
  });
});
