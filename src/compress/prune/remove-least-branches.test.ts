import { afterAll, expect, it } from 'vitest';
import { smallImages } from '../../../test/small-training.ts';
import type { Model } from '../../graph/index.ts';
import { costOf, GraphBuilder } from '../../ops/index.ts';
import { removeBranches, residualBranches } from '../../transforms/index.ts';
import { Meter } from '../meter.ts';
import { removeLeastBranches } from './remove-least-branches.ts';

const preprocessing = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
const meter = new Meter();
afterAll(() => meter.close());

/** Three blocks. */
function network(): Model {
  const b = new GraphBuilder({ seed: 4 });
  let y = b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: 8, kernel: 3, padding: 1 });
  for (let block = 0; block < 3; block++) y = b.relu(b.add(y, b.conv(y, { out: 8, kernel: 3, padding: 1 })));
  b.output('logits', b.linear(b.flatten(b.averagePool(y, { kernel: 8 })), { out: 10 }));
  return b.build();
}

it('takes out two blocks, each the one that is missed least', async () => {
  const data = await smallImages(40);
  let expected = network();
  const outputs: string[] = [];
  const losses: number[] = [];
  for (let i = 0; i < 2; i++) {
    const all = await Promise.all(
      residualBranches(expected).map(async (branch) => {
        const without = removeBranches(expected, [branch]);
        return { output: branch.output, without, loss: (await meter.accuracy(without, data, preprocessing)).loss };
      }),
    );
    const [least] = all.sort((a, b) => a.loss - b.loss);
    if (least === undefined) throw new Error('no block');
    expected = least.without;
    outputs.push(least.output);
    losses.push(least.loss);
  }
  const told: string[] = [];
  const { removed, reached, model } = await removeLeastBranches(network(), {
    meter,
    data,
    preprocessing,
    enough: (now) => residualBranches(now).length === 1,
    onRemoved: ({ output }) => told.push(output),
  });
  expect([told, reached]).toEqual([outputs, true]);
  expect(removed.map(({ loss }) => loss)).toEqual(losses);
  expect(model.graph.nodes).toHaveLength(expected.graph.nodes.length);
});

it('says where nothing is left to take out', async () => {
  const model = network();
  const data = await smallImages(10);
  const {
    removed,
    reached,
    model: least,
  } = await removeLeastBranches(model, {
    meter,
    data,
    preprocessing,
    enough: () => false,
  });
  expect([removed.length, reached]).toEqual([3, false]);
  // A convolution of 3 to 8 channels and the linear layer are what must stay.
  expect(costOf(least).macs).toBe(8 * 3 * 9 * 64 + 8 * 10);
});

it('stops on the signal', async () => {
  const model = network();
  const data = await smallImages(10);
  const stopped = removeLeastBranches(model, {
    meter,
    data,
    preprocessing,
    enough: () => false,
    signal: AbortSignal.abort(),
  });
  await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
});
