/** Parts of a small network: what its channels are worth to a class, how they are cut, trained and asked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/expect-close.ts';
import { smallImages } from '../../../test/small-training.ts';
import { fineTune, Meter, macsTarget, observeInputMoments, paramsTarget, perCost } from '../../compress/index.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import { type Model, Tensor } from '../../graph/index.ts';
import { costOf, GraphBuilder } from '../../ops/index.ts';
import { channelGroups, exactClassScores, withClassScores } from '../../transforms/index.ts';
import { classFeatures } from '../groups/class-features.ts';
import { classImportance, imagesOfBothSides, imagesOfClasses } from './class-importance.ts';
import { ownAccuracy, recordPart } from './part-scores.ts';
import { partTraining } from './part-training.ts';
import { prunePart } from './prune-part.ts';

const PRE: Preprocessing = { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

let data: Dataset;
const meter = new Meter();
beforeAll(async () => {
  data = await smallImages(120);
});
afterAll(async () => {
  await meter.close();
  await data.close();
});

/** Sixteen channels a layer, two layers; the first channels of the first layer are what `biases` make of them. */
function network(biases: readonly number[] = []): Model {
  const b = new GraphBuilder({ seed: 3 });
  const x = b.input('input', 'float32', ['batch', 3, 8, 8]);
  let y = b.relu(b.conv(x, { out: 16, kernel: 3, padding: 1, name: 'a' }));
  y = b.relu(b.conv(y, { out: 16, kernel: 3, padding: 1, name: 'b' }));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(y)), { out: 10 }));
  const model = b.build();
  const initializers = new Map(model.graph.initializers);
  const bias = Float32Array.from({ length: 16 }, (_, i) => biases[i] ?? 0);
  const weight = (initializers.get('a.weight') as Tensor).float32s().slice();
  // Channels with a bias of their own are the same everywhere.
  weight.fill(0, 0, biases.length * 27);
  initializers.set('a.weight', Tensor.float32([16, 3, 3, 3], weight));
  initializers.set('a.bias', Tensor.float32([16], bias));
  return { ...model, graph: { ...model.graph, initializers } };
}

const widthsOf = ({ graph }: Model): (number | undefined)[] =>
  ['a.weight', 'b.weight'].map((name) => graph.initializers.get(name)?.dims[0]);

describe('classFeatures()', () => {
  it('is the mean of what the last layer reads, by class', async () => {
    const model = network();
    const found = await classFeatures(meter, model, data, PRE);
    expect(found.map(({ length }) => length)).toEqual(Array(10).fill(16));
    // Behind a linear layer, the mean of features gives the mean of scores.
    const scores = new Float64Array(10);
    const fourth = imagesOfClasses(data.labels, [4], 1000, 1);
    for await (const { values } of meter.observe(model, ['logits'], data, PRE, { order: fourth })) {
      const { data: seen } = values.get('logits') as { data: Float32Array };
      for (const [i, score] of seen.entries()) scores[i % 10] = (scores[i % 10] as number) + score / fourth.length;
    }
    const weight = model.graph.initializers.get('fc1.weight')?.float32s() ?? new Float32Array();
    const bias = model.graph.initializers.get('fc1.bias')?.float32s() ?? new Float32Array();
    const fromFeatures = Array.from(bias, (each, c) =>
      (found[4] as Float64Array).reduce((sum, f, i) => sum + f * (weight[c * 16 + i] as number), each),
    );
    expectClose(scores, fromFeatures, 1e-5);
  });

  it('takes the mean over the places of maps', async () => {
    const b = new GraphBuilder({ seed: 3 });
    const maps = b.relu(b.conv(b.input('input', 'float32', ['batch', 3, 8, 8]), { out: 4, kernel: 3 }));
    b.output('logits', b.flatten(b.globalAveragePool(b.conv(maps, { out: 10, kernel: 1 }))));
    b.output('means', b.flatten(b.globalAveragePool(maps)));
    const model = b.build();
    const found = await classFeatures(meter, model, data, PRE);
    const means = new Float64Array(4);
    const order = imagesOfClasses(data.labels, [7], 1000, 1);
    for await (const { values } of meter.observe(model, ['means'], data, PRE, { order })) {
      const { data: seen } = values.get('means') as { data: Float32Array };
      for (const [i, each] of seen.entries()) means[i % 4] = (means[i % 4] as number) + each / order.length;
    }
    expectClose(found[7] ?? [], [...means], 1e-5);
  });

  it('refuses a class without images', async () => {
    const order = [...data.labels.keys()].filter((i) => data.label(i) !== 2);
    await expect(classFeatures(meter, network(), data, PRE, { order })).rejects.toThrow(
      `Cannot group the classes of 'shapes': '${data.classNames[2]}' has no images`,
    );
  });
});

it('imagesOfBothSides() has as many of the classes as of all others', () => {
  const labels = Int32Array.from({ length: 90 }, (_, i) => i % 3);
  const sides = (classes: number[], count: number) => {
    const found = [...imagesOfBothSides(labels, classes, count, 1)].map((i) => labels[i] as number);
    return [0, 1, 2].map((c) => found.filter((label) => label === c).length);
  };
  expect(sides([1], 20)).toEqual([5, 10, 5]);
  expect(sides([0, 2], 40)).toEqual([10, 20, 10]);
  // As many as there are, and of all classes nothing else.
  expect(sides([1], 1000)).toEqual([30, 30, 30]);
  expect(sides([0, 1, 2], 30)).toEqual([5, 5, 5]);
  // No more than were asked for.
  expect(sides([1], 5)).toEqual([1, 3, 1]);
  expect(sides([1], 1)).toEqual([0, 1, 0]);
});

it('imagesOfClasses() has images of these classes only, evenly, as many as are wanted', () => {
  const labels = Int32Array.from({ length: 90 }, (_, i) => i % 3);
  const found = imagesOfClasses(labels, [0, 2], 20, 1);
  const counts = [0, 1, 2].map((c) => [...found].filter((i) => labels[i] === c).length);
  expect(counts).toEqual([10, 0, 10]);
  expect(imagesOfClasses(labels, [1], 1000, 1)).toHaveLength(30);
});

describe('classImportance()', () => {
  it('counts what is nearly zero as zero', async () => {
    const model = network([0.004, 0.02, -1]);
    const groups = channelGroups(model);
    const order = imagesOfClasses(data.labels, [1], 1000, 1);
    const { apoz, mean, importance, images } = await classImportance(meter, model, groups, data, PRE, { order });
    expect(images).toBe(order.length);
    expectClose(apoz.subarray(0, 3), [1, 0, 1], 1e-6);
    expectClose(mean.subarray(0, 3), [0.004, 0.02, 0], 1e-6);
    expect(importance[2]).toBe(Math.min(...importance));
    expect(importance[0]).toBeLessThan(importance[1] as number);
  });
});

describe('prunePart()', () => {
  const judge = (model: Model, groups: ReturnType<typeof channelGroups>) =>
    classImportance(meter, model, groups, data, PRE, { order: imagesOfClasses(data.labels, [1], 1000, 1) });
  const silent = Array<number>(11).fill(-1);

  it('takes out what is silent, down to a width that is fast', async () => {
    const model = network(silent);
    const pruned = await prunePart(model, { judge, thresholds: { apoz: 0.73, meanActivation: 0.01 } });
    // Eleven of sixteen are silent: eight go, of five that would be left no multiple is fast.
    expect(widthsOf(pruned)).toEqual([8, 16]);
    const exact = await prunePart(model, {
      judge,
      thresholds: { apoz: 0.73, meanActivation: 0.01 },
      multiple: () => 1,
    });
    expect(widthsOf(exact)[0]).toBe(5);
    // What it says is hardly another.
    const [before, after] = await Promise.all([model, exact].map((each) => meter.accuracy(each, data, PRE)));
    expect(after?.loss).toBeCloseTo(before?.loss as number, 2);
  });

  it('takes out what meets both thresholds, where both are told', async () => {
    const model = network([...silent.slice(0, 8), 0.004, 0.004, 0.004]);
    const at = async (thresholds: object) =>
      widthsOf(await prunePart(model, { judge, thresholds, multiple: () => 1 }))[0];
    expect(await at({ apoz: 0.99, meanActivation: 0.005 })).toBe(5);
    expect(await at({ apoz: 0.99, meanActivation: 0.001 })).toBe(8);
    expect(await at({ apoz: 0.99 })).toBe(5);
    expect(await at({ meanActivation: 0.001 })).toBe(8);
  });

  it('empties no layer', async () => {
    const pruned = await prunePart(network(Array(16).fill(-1)), {
      judge,
      thresholds: { apoz: 0.5 },
      multiple: () => 1,
    });
    expect(widthsOf(pruned)[0]).toBe(1);
  });

  it('takes what is worth least until the targets are met', async () => {
    const model = withClassScores(network(silent), [1]);
    const { macs } = costOf(model);
    const pruned = await prunePart(model, { judge, targets: [macsTarget(macs / 3)] });
    expect(costOf(pruned).macs).toBeLessThanOrEqual(macs / 3);
    expect(widthsOf(pruned).every((width) => (width ?? 0) % 8 === 0)).toBe(true);
    expect(widthsOf(await prunePart(model, { judge }))).toEqual([16, 16]);
  });

  it('stays nearer to the whole where what is left speaks for what went', async () => {
    const model = withClassScores(network([]), [1]);
    const targets = [macsTarget(costOf(model).macs / 3)];
    const scores = async (each: Model): Promise<number[]> => {
      const [{ name = '' } = {}] = each.graph.outputs;
      const found: number[] = [];
      for await (const { values } of meter.observe(each, [name], data, PRE)) {
        const { data: own = [] } = values.get(name) ?? {};
        found.push(...(own as Float32Array));
      }
      return found;
    };
    const whole = await scores(model);
    const distance = async (part: Model): Promise<number> =>
      (await scores(part)).reduce((sum, score, i) => sum + (score - (whole[i] as number)) ** 2, 0);
    const order = imagesOfBothSides(data.labels, [1], 1000, 1);
    const rounds: number[] = [];
    const speaking = await prunePart(model, {
      judge,
      targets,
      rounds: 2,
      moments: (each, round) => {
        rounds.push(round);
        return observeInputMoments(each, meter, data, PRE, { order });
      },
    });
    const silenced = await prunePart(model, { judge, targets, rounds: 2 });
    expect(rounds).toEqual([1, 2]);
    expect(costOf(speaking).macs).toBeLessThanOrEqual(costOf(model).macs / 3);
    expect(await distance(speaking)).toBeLessThan(0.7 * (await distance(silenced)));
  });

  it('takes expensive channels first where costs are weighed', async () => {
    const b = new GraphBuilder({ seed: 3 });
    const x = b.input('input', 'float32', ['batch', 3, 8, 8]);
    // Sixteen times the places before the pooling.
    let y = b.relu(b.conv(x, { out: 16, kernel: 3, padding: 1, name: 'a' }));
    y = b.relu(b.conv(b.maxPool(y, { kernel: 4, stride: 4 }), { out: 32, kernel: 3, padding: 1, name: 'b' }));
    b.output('logits', b.linear(b.flatten(b.globalAveragePool(y)), { out: 10 }));
    const model = b.build();
    const { macs, params } = costOf(model);
    const cut = async (costs: readonly ('macs' | 'params')[], weight: number) => {
      const targets = costs[0] === 'macs' ? [macsTarget(macs * 0.6)] : [paramsTarget(params * 0.6)];
      const words = { judge, targets, against: { costs, weight }, multiple: () => 1 };
      const [a = 0, c = 0] = widthsOf(await prunePart(model, words));
      return { a: a / 16, b: c / 32 };
    };
    // A channel of `a` costs 27 · 64 + 9 · 32 · 4 MACs, one of `b` 9 · 16 · 4 + 10; parameters 27 + 1 + 9 · 32 and 9 · 16 + 1 + 10.
    for (const costs of [['macs'], ['params']] as const) {
      const [plain, weighed] = [await cut(costs, 0), await cut(costs, 1)];
      expect(weighed.a, costs[0]).toBeLessThan(plain.a);
      expect(weighed.b, costs[0]).toBeGreaterThan(plain.b);
    }
  });

  it('goes on to the targets from what the thresholds leave', async () => {
    const model = network(silent);
    const { macs } = costOf(model);
    const words = { judge, thresholds: { apoz: 0.73 }, multiple: () => 1 };
    const first = costOf(await prunePart(model, words)).macs;
    expect(first).toBeLessThan(0.7 * macs);
    const second = costOf(await prunePart(model, { ...words, targets: [macsTarget(macs / 4)] })).macs;
    expect(second).toBeLessThanOrEqual(macs / 4);
  });
});

describe('partTraining()', () => {
  it('has half of the images of a single class, and others each epoch', () => {
    const { training, sampler, loss } = partTraining([3], { training: data, seed: 1 });
    const positives = data.labels.filter((label) => label === 3).length;
    expect([loss, sampler?.size, training.classNames]).toEqual(['bce', 2 * positives, ['other', data.classNames[3]]]);
    const epochs = [0, 1].map((epoch) => [...(sampler?.order(epoch) ?? [])]);
    for (const order of epochs) expect(order.filter((i) => training.label(i) === 1)).toHaveLength(positives);
    const negatives = epochs.map((order) => order.filter((i) => training.label(i) === 0).sort((a, b) => a - b));
    expect(negatives[0]).not.toEqual(negatives[1]);
  });

  it('has other and each class of a group equally often', () => {
    const { training, sampler, loss, validation } = partTraining([3, 5, 8], {
      training: data,
      validation: data,
      seed: 1,
    });
    expect([loss, training.classNames.length]).toEqual(['cross-entropy', 4]);
    const counts = [0, 0, 0, 0];
    for (const i of sampler?.order(0) ?? []) counts[training.label(i)] = (counts[training.label(i)] ?? 0) + 1;
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    const own = data.labels.filter((label) => [3, 5, 8].includes(label)).length;
    expect(Math.abs((sampler?.size ?? 0) - (own * 4) / 3)).toBeLessThanOrEqual(1);
    expect(validation?.classNames).toEqual(training.classNames);
  });

  it('has no other where the group has all classes', () => {
    const all = [...data.classNames.keys()];
    const { training, sampler } = partTraining(all, { training: data, seed: 1 });
    expect(sampler?.size).toBe(data.size);
    expect([...(sampler?.order(0) ?? [])].map((i) => training.label(i))).not.toContain(0);
  });

  const words = {
    ...{ preprocessing: PRE, batch: 8, rate: 0.02, seed: 1, threads: 1 },
    ...({ schedule: 'cosine', optimizer: { kind: 'sgd', momentum: 0.9 } } as const),
  };

  it.each([[[1]], [[0, 4]]])('trains the part of classes %j to be better at its own task', async (classes) => {
    const part = withClassScores(network(), classes);
    const told = partTraining(classes, { training: data, validation: data, seed: 1 });
    const trained = await fineTune(part, { ...words, ...told, epochs: 8 });
    const [before = 0, after = 0] = await Promise.all(
      [part, trained].map(async (each) => ownAccuracy(await recordPart(meter, each, classes, data, PRE))),
    );
    expect(after).toBeGreaterThan(before);
  });

  it.each([[[1]], [[0, 4]]])('brings the part of classes %j nearer to what the teacher says', async (classes) => {
    const teacher = { model: network(), preprocessing: PRE, temperature: 1, weight: 1 };
    const part = withClassScores(network(), classes);
    const told = partTraining(classes, { training: data, seed: 1, teacher });
    const trained = await fineTune(part, { ...words, ...told, epochs: 4 });
    const [exact, ...both] = await Promise.all(
      [exactClassScores(network(), classes), part, trained].map((each) => recordPart(meter, each, classes, data, PRE)),
    );
    // KL of the softmax, mean over images.
    const [before = 0, after = 0] = both.map(({ logits }) => divergence(exact?.logits, logits, classes.length + 1));
    expect(after).toBeLessThan(before);
  });
});

function divergence(theirs: Float64Array = new Float64Array(), ours: Float64Array, width: number): number {
  const logSoftmax = (row: Float64Array): number[] => {
    const total = Math.log(row.reduce((sum, each) => sum + Math.exp(each), 0));
    return [...row].map((each) => each - total);
  };
  let sum = 0;
  for (let at = 0; at < ours.length; at += width) {
    const [p, q] = [theirs, ours].map((all) => logSoftmax(all.subarray(at, at + width))) as [number[], number[]];
    sum += p.reduce((total, each, i) => total + Math.exp(each) * (each - (q[i] as number)), 0);
  }
  return (sum * width) / ours.length;
}

describe('recordPart()', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses a part that says %d of an image', async (value) => {
    const part = withClassScores(network(), [2, 7]);
    const bias = [...part.graph.initializers].find(([, { dims }]) => dims.length === 1 && dims[0] === 3)?.[0] as string;
    const initializers = new Map(part.graph.initializers).set(bias, Tensor.float32([3], Float32Array.of(0, value, 0)));
    const odd = { ...part, graph: { ...part.graph, initializers } };
    await expect(recordPart(meter, odd, [2, 7], data, PRE)).rejects.toThrow(
      `expected numbers as scores, received ${value} for '${data.name(0)}'`,
    );
  });

  it('has a logit for yes or no as the scores [0, logit]', async () => {
    const part = withClassScores(network(), [2]);
    const { logits, labels } = await recordPart(meter, part, [2], data, PRE);
    expect([logits.length, labels]).toEqual([240, data.labels]);
    expect(logits.filter((_, i) => i % 2 === 0)).toEqual(new Float64Array(120));
    const pair = await recordPart(meter, exactClassScores(network(), [2]), [2], data, PRE);
    // By Jensen's inequality the mean of the others is below the log of their mean exponential.
    for (let row = 0; row < 120; row++) {
      const exact = (pair.logits[2 * row + 1] as number) - (pair.logits[2 * row] as number);
      expect(logits[2 * row + 1]).toBeGreaterThan(exact - 1e-5);
    }
  });
});

it('perCost() holds importances against shares of costs', () => {
  const importance = Float64Array.of(1, 1, 2, Number.NaN, 1);
  const [params, macs] = [Float64Array.of(1, 4, 4, 1, 0), Float64Array.of(10, 10, 10, 10, 10)];
  expect([...perCost(importance, [params], 0)]).toEqual([...importance]);
  // The mean is 2.
  expectClose(perCost(importance, [params], 1).subarray(0, 3), [2, 0.5, 1], 1e-12);
  expectClose(perCost(importance, [params], 0.5).subarray(0, 2), [Math.SQRT2, Math.SQRT1_2], 1e-12);
  expectClose(perCost(importance, [params, macs], 1).subarray(0, 2), [1 / 0.75, 1 / 1.5], 1e-12);
  expect([...perCost(importance, [params], 1).subarray(3)]).toEqual([Number.NaN, Number.NaN]);
});

it('ownAccuracy() is the mean over other and each class', () => {
  // Class 5 right in one of two, class 7 in one of one, others in two of three.
  const logits = [
    [0, 1, 0],
    [1, 0, 0],
    [0, 0, 1],
    [1, 0, 0],
    [2, 1, 0],
    [0, 0, 9],
  ];
  const labels = Int32Array.of(5, 5, 7, 0, 1, 2);
  const recorded = { classes: [5, 7], logits: Float64Array.from(logits.flat()), labels };
  expect(ownAccuracy(recorded)).toBeCloseTo((1 / 2 + 1 + 2 / 3) / 3, 12);
});
