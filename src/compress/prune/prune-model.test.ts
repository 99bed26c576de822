import { afterAll, describe, expect, it } from 'vitest';
import { smallImages } from '../../../test/small-training.ts';
import type { Model } from '../../graph/index.ts';
import { costOf, GraphBuilder } from '../../ops/index.ts';
import { channelGroups, weightLayersOf } from '../../transforms/index.ts';
import { Meter } from '../meter.ts';
import { pruneModel } from './prune-model.ts';
import { macsTarget, type PruningTarget, paramsTarget } from './prune-to-target.ts';
import { CRITERIA, scoreChannels } from './score-channels.ts';
import { l1Importance } from './weight-importance.ts';

const preprocessing = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
const meter = new Meter();
afterAll(() => meter.close());

function network(norms = true): Model {
  const b = new GraphBuilder({ seed: 2 });
  const layer = (x: string, out: number): string => {
    const y = b.conv(x, { out, kernel: 3, padding: 1 });
    return b.relu(norms ? b.batchNorm(y) : y);
  };
  const x = layer(layer(b.input('input', 'float32', ['batch', 3, 8, 8]), 12), 20);
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: 10 }));
  return b.build();
}

describe('pruneModel()', () => {
  it.each(CRITERIA)('meets two targets by %s', async (criterion) => {
    const model = network();
    const data = await smallImages(30);
    const { macs, params } = costOf(model);
    const pruned = await pruneModel(model, {
      targets: [macsTarget(macs / 2), paramsTarget(params * 0.4)],
      rounds: 2,
      multiple: () => 1,
      score: (each, groups) => scoreChannels(each, groups, { criterion, saves: 'macs', meter, data, preprocessing }),
    });
    const after = costOf(pruned);
    expect(after.macs).toBeLessThanOrEqual(macs / 2);
    expect(after.params).toBeLessThanOrEqual(params * 0.4);
    expect(after.params).toBeGreaterThan(params * 0.2);
  });

  it('prunes on for the second target where the first one is met', async () => {
    const model = network();
    const { macs, params } = costOf(model);
    const pruned = async (...targets: PruningTarget[]) =>
      costOf(await pruneModel(model, { targets, multiple: () => 1, score: l1Importance }));
    const [byMacs, byParams] = [macsTarget(macs / 2), paramsTarget(params / 10)];
    expect((await pruned(byMacs)).params).toBeGreaterThan(params / 10);
    const both = await pruned(byMacs, byParams);
    expect([both.macs <= macs / 2, both.params <= params / 10]).toEqual([true, true]);
  });

  it('refuses what is out of reach before anything is trained', async () => {
    const model = network();
    let trained = 0;
    const between = async (each: Model): Promise<Model> => {
      trained++;
      return each;
    };
    const options = { rounds: 4, multiple: () => 1, score: l1Importance, between };
    const hopeless = pruneModel(model, { ...options, targets: [macsTarget(costOf(model).macs / 1000)] });
    await expect(hopeless).rejects.toThrow(/^Cannot prune to [\d.]+ MACs \(the least that can be reached is \d+\)/);
    expect(trained).toBe(0);
  });

  it('hears the signal between layers whose weights are fitted to what went', async () => {
    const model = network();
    const layers = weightLayersOf(model);
    const stop = new AbortController();
    const pruned = pruneModel(model, {
      targets: [macsTarget(costOf(model).macs / 2)],
      multiple: () => 1,
      score: l1Importance,
      // As Ctrl-C comes: when this thread is free for it.
      moments: async () => {
        setImmediate(() => stop.abort());
        return new Map(
          layers.map(({ name, dims: [, size] }) => {
            const data = Float64Array.from({ length: size * size }, (_, k) => Number(k % (size + 1) === 0));
            return [name, { channels: { rows: size, columns: size, data } }] as const;
          }),
        );
      },
      signal: stop.signal,
    });
    await expect(pruned).rejects.toMatchObject({
      code: 'cancelled',
      message: 'Stopped while weights were fitted to what was pruned',
    });
  });

  it('refuses to judge by zeros where nothing is ever zero', async () => {
    const b = new GraphBuilder({ seed: 2 });
    const x = b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: 8, kernel: 3 });
    const gated = b.mul(x, b.sigmoid(x));
    b.output('logits', b.linear(b.flatten(b.globalAveragePool(gated)), { out: 10 }));
    const model = b.build();
    const options = { criterion: 'apoz', saves: 'macs', meter, data: await smallImages(10), preprocessing } as const;
    await expect(scoreChannels(model, channelGroups(model), options)).rejects.toThrow(
      /nothing in the model is ever zero/,
    );
  });

  it('brings the cost down by the same factor in each round, and hands the model over in between', async () => {
    const model = network();
    const { macs } = costOf(model);
    const seen: number[] = [];
    await pruneModel(model, {
      targets: [macsTarget(macs / 8)],
      rounds: 3,
      multiple: () => 1,
      score: l1Importance,
      between: async (each) => {
        seen.push(costOf(each).macs);
        return each;
      },
    });
    expect(seen).toHaveLength(2);
    for (const [i, each] of seen.entries()) {
      expect(each).toBeLessThanOrEqual(macs / 2 ** (i + 1));
      expect(each).toBeGreaterThan(0.8 * (macs / 2 ** (i + 1)));
    }
  });

  it('leaves multiples of what there was before the first round', async () => {
    const model = network();
    const sizes: number[] = [];
    const pruned = await pruneModel(model, {
      targets: [macsTarget(costOf(model).macs / 3)],
      rounds: 3,
      score: l1Importance,
      multiple: (size) => {
        sizes.push(size);
        return 4;
      },
    });
    expect(new Set(sizes)).toEqual(new Set([12, 20]));
    for (const name of ['conv1.weight', 'conv2.weight']) {
      expect((pruned.graph.initializers.get(name)?.dims[0] ?? 1) % 4).toBe(0);
    }
  });

  it('does not measure a target while one before it is missed', async () => {
    const model = network();
    const { macs, params } = costOf(model);
    const seen: number[] = [];
    const slow: PruningTarget = {
      unit: 'ms',
      most: macs,
      cost: (each) => {
        seen.push(costOf(each).params);
        return 0;
      },
    };
    await pruneModel(model, { targets: [paramsTarget(params / 3), slow], score: l1Importance, multiple: () => 1 });
    // Before anything, where targets of rounds come from.
    expect(seen[0]).toBe(params);
    expect(seen.length).toBeGreaterThan(2);
    for (const each of seen.slice(1)) expect(each).toBeLessThanOrEqual(params / 3);
  });

  it('says what can be reached', async () => {
    const impossible = pruneModel(network(), { targets: [macsTarget(10)], score: l1Importance, multiple: () => 1 });
    // 2 of 12 and 3 of 20 channels: an eighth, rounded up.
    const least = 64 * 9 * (3 * 2 + 2 * 3) + 10 * 3;
    await expect(impossible).rejects.toThrow(
      `Cannot prune to 10 MACs (the least that can be reached is ${least}): cut less, or let a smaller part of the channels stay in any case`,
    );
    const words = { targets: [macsTarget(10)], score: l1Importance, multiple: () => 1 };
    expect(costOf(await pruneModel(network(), { ...words, unreachable: 'smallest' })).macs).toBe(least);
  });

  it('refuses scales of a model without normalisations', async () => {
    const data = await smallImages(10);
    const score = (each: Model, groups: Parameters<typeof scoreChannels>[1]) =>
      scoreChannels(each, groups, { criterion: 'bn-scale', saves: 'macs', meter, data, preprocessing });
    await expect(pruneModel(network(false), { targets: [macsTarget(1e5)], score })).rejects.toThrow(
      'Cannot judge channels by bn-scale: the model has no batch normalisation',
    );
  });
});
