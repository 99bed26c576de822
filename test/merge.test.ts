/** Parts merged into one model must say what they say for themselves, in ONNX Runtime, whatever their widths. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random, SkeinError } from '../src/base/index.ts';
import { type Model, Tensor } from '../src/graph/index.ts';
import { readModel } from '../src/onnx/index.ts';
import { channelGroups, fold, groupedModel, removeChannels, runPasses, sideBySide } from '../src/transforms/index.ts';
import { buildArchitecture } from '../src/zoo/index.ts';
import { expectClose } from './expect-close.ts';
import { randomNetwork } from './random-network.ts';
import { randomUnits } from './random-units.ts';
import { randomFeeds, runModel } from './run-onnx.ts';
import { sharedDir } from './shared.ts';

const PARTS = 3;
const IMAGES = 2;

/** The network without some of its channels, others for each seed, and with weights of its own. */
function variant(model: Model, seed: number, share: number): Model {
  const random = new Random(seed);
  const groups = channelGroups(model);
  const pruned = removeChannels(model, groups, randomUnits(groups, random, share));
  const initializers = new Map(
    [...pruned.graph.initializers].map(([name, tensor]) => {
      if (tensor.dtype !== 'float32' || tensor.dims.length < 2) return [name, tensor];
      return [
        name,
        Tensor.float32(
          tensor.dims,
          tensor.float32s().map((value) => value * random.uniform(0.5, 1.5)),
        ),
      ];
    }),
  );
  return { ...pruned, graph: { ...pruned.graph, initializers } };
}

function prepared(raw: Model): Model {
  const { model } = runPasses({ ...raw, graph: { ...raw.graph, outputs: raw.graph.outputs.slice(0, 1) } }, [fold]);
  return model;
}

/** A row an image, of the scores of all models one behind the other. */
async function scoresOf(models: readonly Model[], seed: number): Promise<number[]> {
  const feeds = randomFeeds(models[0] as Model, seed, IMAGES);
  const rows: number[][] = Array.from({ length: IMAGES }, () => []);
  for (const model of models) {
    const [scores] = Object.values(await runModel(model, feeds));
    const { data, dims } = scores as unknown as { data: Float32Array; dims: readonly number[] };
    const width = dims[1] as number;
    for (const [i, row] of rows.entries()) row.push(...data.subarray(i * width, (i + 1) * width));
  }
  return rows.flat();
}

async function expectSame(merged: Model, parts: readonly Model[], seed: number, what: string): Promise<void> {
  expectClose(await scoresOf([merged], seed), await scoresOf(parts, seed), 1e-5, what);
}

describe('merging random networks of ragged widths', () => {
  const grouped: number[] = [];
  it.each(Array.from({ length: 120 }, (_, seed) => seed))('keeps the scores of network %i', async (seed) => {
    const { model: raw, blocks } = randomNetwork(seed);
    const model = prepared(raw);
    const parts = Array.from({ length: PARTS }, (_, part) => variant(model, 1000 * part + seed, 0.3));
    await expectSame(sideBySide(parts), parts, seed, `side by side ${blocks}`);
    let merged: Model;
    try {
      merged = groupedModel(parts);
    } catch (error) {
      if (!(error instanceof SkeinError && error.code === 'unsupported')) throw error;
      expect(error.message).toMatch(/^Cannot group the parts( at node '.*' \(\w+\))?: /);
      return;
    }
    grouped.push(seed);
    await expectSame(merged, parts, seed, `grouped ${blocks}`);
  });

  it('groups those of operators that it has rules for', () => {
    expect(grouped.length).toBeGreaterThanOrEqual(10);
  });
});

describe('groupedModel()', () => {
  it.each([['resnet8'], ['vgg11:width=0.125'], ['lenet5'], ['squeezenet']])('groups pruned %s', async (name) => {
    const model = prepared(buildArchitecture(name, { seed: 4, initialization: 'kaiming-fan-in' }));
    const parts = Array.from({ length: PARTS }, (_, part) => variant(model, part, 0.4));
    await expectSame(groupedModel(parts), parts, 1, name);
  });

  it.skipIf(sharedDir === undefined).each([['resnet56'], ['vgg19']])('groups pruned %s, trained', async (name) => {
    const model = prepared(await readModel(join(sharedDir ?? '', 'models', `${name}.onnx`)));
    const parts = Array.from({ length: 2 }, (_, part) => variant(model, part, 0.6));
    await expectSame(groupedModel(parts), parts, 1, name);
  });
});
