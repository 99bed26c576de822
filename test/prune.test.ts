/** A pruned network must compute what the network computes with the weights of the removed channels set to zero. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../src/base/index.ts';
import { type Model, Tensor, validateModel } from '../src/graph/index.ts';
import { readModel } from '../src/onnx/index.ts';
import { costOf } from '../src/ops/index.ts';
import {
  type ChannelGroups,
  type ChannelRole,
  channelGroups,
  fold,
  removeChannels,
  runPasses,
} from '../src/transforms/index.ts';
import { buildArchitecture, zooNames } from '../src/zoo/index.ts';
import { expectClose } from './expect-close.ts';
import { randomNetwork } from './random-network.ts';
import { randomUnits } from './random-units.ts';
import { randomFeeds, runModel } from './run-onnx.ts';
import { sharedDir } from './shared.ts';

/** The model with these units' slices of all parameters of some roles set to zero. */
function zeroed(
  model: Model,
  groups: ChannelGroups,
  units: ReadonlySet<number>,
  roles: ReadonlySet<ChannelRole>,
): Model {
  const initializers = new Map(model.graph.initializers);
  for (const parameter of groups.parameters) {
    if (parameter.role === undefined || !roles.has(parameter.role)) continue;
    const tensor = initializers.get(parameter.name) as Tensor;
    const inner = tensor.dims.slice(parameter.axis + 1).reduce((product, dim) => product * dim, 1);
    const values = tensor.float32s().map((value, i) => {
      const index = Math.floor(i / inner) % parameter.units.length;
      return units.has(parameter.units[index] ?? -1) ? 0 : value;
    });
    initializers.set(parameter.name, Tensor.float32(tensor.dims, values));
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

const READERS: ReadonlySet<ChannelRole> = new Set(['input'] as const);
const MAKERS: ReadonlySet<ChannelRole> = new Set(['output', 'bias', 'scale', 'shift'] as const);

async function expectSame(pruned: Model, reference: Model, seed: number, what: string): Promise<void> {
  const feeds = randomFeeds(reference, seed);
  const [actual, expected] = [await runModel(pruned, feeds), await runModel(reference, feeds)];
  for (const [name, { data }] of Object.entries(expected)) {
    const numbers = (values: unknown): number[] => Array.from(values as Float32Array | BigInt64Array, Number);
    expectClose(numbers(actual[name]?.data), numbers(data), 1e-5, `${what}: ${name}`);
  }
}

describe('removeChannels()', () => {
  it.each(Array.from({ length: 200 }, (_, seed) => seed))(
    'equals zeroed weights in random network %i',
    async (seed) => {
      const { model: raw, blocks } = randomNetwork(seed);
      const model = runPasses(raw, [fold]).model;
      const groups = channelGroups(model);
      const random = new Random(1000 + seed);
      const remove = randomUnits(groups, random, random.uniform(0.1, 0.9));
      const pruned = removeChannels(model, groups, remove);
      validateModel(pruned);
      const what = blocks.join(', ');
      await expectSame(pruned, zeroed(model, groups, remove, READERS), seed, `${what}, readers zeroed`);
      await expectSame(pruned, zeroed(model, groups, remove, MAKERS), seed, `${what}, makers zeroed`);
      // What comes out can be pruned again.
      const again = channelGroups(pruned);
      const more = randomUnits(again, random, 0.3);
      await expectSame(
        removeChannels(pruned, again, more),
        zeroed(pruned, again, more, READERS),
        seed,
        `${what}, again`,
      );
    },
  );

  it.each(zooNames())('prunes %s by a third', async (name) => {
    await expectThird(runPasses(buildArchitecture(name, { seed: 1 }), [fold]).model);
  });

  const models =
    sharedDir === undefined ? [] : readdirSync(join(sharedDir, 'models')).filter((f) => f.endsWith('.onnx'));
  it.skipIf(models.length === 0).each(models)('prunes the trained %s by a third', async (file) => {
    await expectThird(runPasses(await readModel(join(sharedDir ?? '', 'models', file)), [fold]).model);
  });
});

/** Every third unit of each group goes; what is left still runs, and equals the zeroed model. */
async function expectThird(model: Model): Promise<void> {
  const groups = channelGroups(model);
  const remove = new Set(groups.groups.flatMap(({ units }) => units.filter((_, i) => i % 3 === 1)));
  const pruned = removeChannels(model, groups, remove);
  const [before, after] = [costOf(model), costOf(pruned)];
  expect(after.macs / before.macs).toBeLessThan(0.6);
  expect(after.params / before.params).toBeLessThan(0.6);
  // Beyond that the test would take minutes.
  if (before.macs < 1e9) await expectSame(pruned, zeroed(model, groups, remove, READERS), 3, 'readers zeroed');
}
