import { afterAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { smallImages } from '../../../test/small-training.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { channelGroups } from '../../transforms/index.ts';
import { Meter } from '../meter.ts';
import { activationStatistics } from './activation-importance.ts';
import { leavingOne } from './axis-counts.ts';
import { normalizedByGroup, rankedBy, ranks, unitsWhere } from './scores.ts';
import { taylorImportance } from './taylor-importance.ts';
import { unitCosts } from './unit-costs.ts';
import { l1Importance, l2Importance, scaleImportance } from './weight-importance.ts';

const preprocessing = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
const meter = new Meter();
afterAll(() => meter.close());

function withValues(model: Model, values: Readonly<Record<string, readonly number[]>>): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, elements] of Object.entries(values)) {
    initializers.set(name, Tensor.of('float32', initializers.get(name)?.dims ?? [], elements));
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

describe('importance by weights', () => {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['n', 1, 2, 2]);
  const stem = b.batchNorm(b.conv(x, { out: 2, kernel: [1, 2], bias: false, name: 'stem' }));
  const same = b.conv(stem, { out: 2, kernel: 1, bias: false, name: 'same' });
  b.output('y', b.conv(b.add(stem, same), { out: 1, kernel: 1, name: 'last' }));
  const model = withValues(b.build(), {
    'stem.weight': [3, -4, 0, 1],
    'same.weight': [1, 0, -1, 2],
    'bn1.weight': [0.5, -1.5],
  });
  const groups = channelGroups(model);

  it('sums norms relative to those of each layer', () => {
    // Filters of the stem: |3| + |4| = 7 and 1, mean 4; of the other layer 1 and 3, mean 2.
    expectClose(l1Importance(model, groups), [7 / 4 + 1 / 2, 1 / 4 + 3 / 2], 1e-12);
    // 5 and 1, mean 3; 1 and √5.
    const mean = (1 + Math.sqrt(5)) / 2;
    expectClose(l2Importance(model, groups), [5 / 3 + 1 / mean, 1 / 3 + Math.sqrt(5) / mean], 1e-12);
    expectClose(scaleImportance(model, groups), [0.5, 1.5], 1e-12);
  });

  it('has no scale where nothing is normalised', () => {
    const plain = new GraphBuilder();
    const maps = plain.conv(plain.input('x', 'float32', ['n', 3, 2, 2]), { out: 2, kernel: 1 });
    plain.output('y', plain.conv(maps, { out: 1, kernel: 1 }));
    const bare = plain.build();
    expect([...scaleImportance(bare, channelGroups(bare))]).toEqual([Number.NaN, Number.NaN]);
  });

  it('unitCosts() counts what goes with one unit', () => {
    const { macs, params } = unitCosts(model, groups);
    // Maps of 2×1: a filter of the stem 2·2; the other layer's row and column 2·2 each, in the last layer 2·1.
    expect([...macs]).toEqual([4 + 4 + 4 + 2, 14]);
    // 2 of the stem, scale and shift, a row and a column of 2 each, 1 of the last.
    expect([...params]).toEqual([2 + 2 + 4 + 1, 9]);
  });
});

it('activationStatistics() counts zeros and takes means where channels are read', async () => {
  const b = new GraphBuilder();
  const maps = b.relu(b.conv(b.input('x', 'float32', ['n', 3, 8, 8]), { out: 4, kernel: 1, name: 'a' }));
  const flat = b.flatten(b.averagePool(maps, { kernel: 4, stride: 4 }));
  b.output('y', b.linear(b.op('Neg', [b.linear(flat, { out: 2, name: 'hidden' })]), { out: 10 }));
  const model = withValues(b.build(), {
    'a.weight': [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0],
    'a.bias': [-1, 2, 0.004, 0],
    'hidden.weight': Array.from({ length: 32 }, () => 0),
    'hidden.bias': [0, 3],
  });
  const groups = channelGroups(model);
  const data = await smallImages(70);
  const { apoz, mean, images } = await activationStatistics(meter, model, groups, data, preprocessing, { batch: 32 });
  expect(images).toBe(70);
  expectClose(apoz.subarray(0, 3), [1, 0, 0], 1e-6);
  expectClose(mean.subarray(0, 3), [0, 2, 0.004], 1e-6);
  expectClose([...apoz.subarray(4), ...mean.subarray(4)], [1, 0, 0, 3], 1e-6);
  // The fourth channel is the positive part of the images' red, here added up once more.
  let [sum, zeros, places] = [0, 0, 0];
  for await (const { count, data: pixels } of data.batches(preprocessing, 70)) {
    for (let image = 0; image < count; image++) {
      const red = pixels.subarray(image * 192, image * 192 + 64);
      for (let row = 0; row < 8; row += 4) {
        for (let column = 0; column < 8; column += 4) {
          let window = 0;
          for (let i = 0; i < 16; i++) window += Math.max(0, red[(row + (i >> 2)) * 8 + column + (i & 3)] ?? 0);
          sum += window / 16;
          zeros += window === 0 ? 1 : 0;
          places++;
        }
      }
    }
  }
  expectClose([apoz[3] ?? 0, mean[3] ?? 0], [zeros / places, sum / places], 1e-5);
  const coarse = await activationStatistics(meter, model, groups, data, preprocessing, { zero: 0.005 });
  expectClose(coarse.apoz.subarray(0, 3), [1, 0, 1], 1e-6);
});

it('taylorImportance() is the square of how the loss changes with the weights that read a unit', async () => {
  const b = new GraphBuilder({ seed: 5 });
  let y = b.relu(b.batchNorm(b.conv(b.input('x', 'float32', [7, 3, 8, 8]), { out: 3, kernel: 3, bias: false })));
  y = b.relu(b.add(b.conv(y, { out: 3, kernel: 3, padding: 1 }), y));
  b.output('logits', b.linear(b.flatten(b.averagePool(y, { kernel: 3, stride: 3 })), { out: 10 }));
  const model = b.build();
  const groups = channelGroups(model);
  const data = await smallImages(40);
  const taylor = await taylorImportance(model, groups, data, preprocessing, { batch: 40 });
  const scaled = (unit: number, factor: number): Model => {
    const initializers = new Map(model.graph.initializers);
    for (const { name, axis, units } of groups.parameters.filter(({ role }) => role === 'input')) {
      const tensor = initializers.get(name) as Tensor;
      const inner = tensor.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
      const values = tensor
        .float32s()
        .map((w, i) => (units[Math.floor(i / inner) % units.length] === unit ? w * factor : w));
      initializers.set(name, Tensor.float32(tensor.dims, values));
    }
    return { ...model, graph: { ...model.graph, initializers } };
  };
  const loss = async (of: Model) => (await meter.accuracy(of, data, preprocessing)).loss;
  expect(groups.unitCount).toBe(3);
  for (let unit = 0; unit < 3; unit++) {
    const step = 1e-2;
    const slope = ((await loss(scaled(unit, 1 + step))) - (await loss(scaled(unit, 1 - step)))) / (2 * step);
    expect(Math.abs(slope)).toBeGreaterThan(1e-3);
    expectClose([Math.sqrt(taylor[unit] ?? 0)], [Math.abs(slope)], 1e-3, `unit ${unit}`);
  }
  // Of several batches, the mean of the squares.
  const batches = await taylorImportance(model, groups, data, preprocessing, { batch: 20 });
  const halves = await Promise.all(
    [0, 20].map((from) =>
      taylorImportance(model, groups, data, preprocessing, { order: Array.from({ length: 20 }, (_, i) => from + i) }),
    ),
  );
  expectClose(
    batches,
    [...batches].map((_, unit) => ((halves[0]?.[unit] ?? 0) + (halves[1]?.[unit] ?? 0)) / 2),
    1e-6,
  );
});

describe('scores', () => {
  it('ranks() gives equal ones their mean place', () => {
    expect([...ranks(Float64Array.of(5, 1, 5, Number.NaN, 9))]).toEqual([0.5, 0, 0.5, Number.NaN, 1]);
    expect([...rankedBy([Float64Array.of(1, 2, 3), Float64Array.of(9, 7, 8)])]).toEqual([0.5, 0.25, 0.75]);
  });

  it('unitsWhere() chooses by thresholds, and leavingOne() never all of a layer', () => {
    const b = new GraphBuilder();
    const maps = b.conv(b.conv(b.input('x', 'float32', [1, 3, 1, 1]), { out: 2, kernel: 1 }), { out: 3, kernel: 1 });
    b.output('y', b.conv(maps, { out: 2, kernel: 1 }));
    const groups = channelGroups(b.build());
    const apoz = [0.8, 0.9, 0.75, 0.1, 0.74];
    const mean = [0.001, 0.002, 0.5, 0.001, 0.003];
    const dead = unitsWhere(groups, (unit) => (apoz[unit] ?? 0) > 0.73 && (mean[unit] ?? 0) < 0.01);
    expect(dead).toEqual([0, 1, 4]);
    expect(leavingOne(groups, dead)).toEqual([0, 4]);
  });

  it('normalizedByGroup() divides by the mean of the group', () => {
    const b = new GraphBuilder();
    const maps = b.conv(b.conv(b.input('x', 'float32', [1, 3, 1, 1]), { out: 2, kernel: 1 }), { out: 3, kernel: 1 });
    b.output('y', b.conv(maps, { out: 2, kernel: 1 }));
    const groups = channelGroups(b.build());
    expect([...normalizedByGroup(Float64Array.of(1, 3, 10, 20, 60), groups)]).toEqual([0.5, 1.5, 1 / 3, 2 / 3, 2]);
  });
});
