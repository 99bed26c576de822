import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../test/expect-close.ts';
import { inOldWords, oldFashioned } from '../../test/old-models.ts';
import { feed, randomFeeds, runModel } from '../../test/run-onnx.ts';
import { smallImages, smallNetwork, smallOptions, trainSmall, vectorBytes } from '../../test/small-training.ts';
import { type Dataset, openData, type Preprocessing } from '../data/index.ts';
import { type Model, Tensor } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { DivergenceError } from './divergence.ts';
import { Trainer } from './trainer.ts';
import type { TrainerOptions } from './trainer-options.ts';

let folder: string;
let images: Dataset;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-trainer-'));
  images = await smallImages();
});
afterAll(async () => {
  await images.close();
  await rm(folder, { recursive: true });
});

type More = Partial<TrainerOptions>;

const train = (more: More = {}, from?: Checkpoint, stopAfter?: number) => trainSmall(images, more, from, stopAfter);

/** -log softmax of the right class, mean over the images. */
async function plainLoss(model: Model): Promise<number> {
  let sum = 0;
  for await (const { data, labels, count } of images.batches(smallOptions(images).preprocessing, 50)) {
    const outputs = await runModel(model, { input: feed('float32', data, [count, 3, 8, 8]) });
    const logits = outputs.logits?.data as Float32Array;
    for (let i = 0; i < count; i++) {
      const row = [...logits.subarray(10 * i, 10 * i + 10)];
      sum += Math.log(row.reduce((total, each) => total + Math.exp(each), 0)) - (row[labels[i] as number] as number);
    }
  }
  return sum / 50;
}

describe('Trainer', () => {
  it.each(['cross-entropy', 'bce'] as const)('says of data of one class with %s that it has too few', (loss) => {
    const single: Dataset = Object.create(images, { classNames: { value: ['only'] } });
    const model = smallNetwork({ outputs: 1 });
    expect(() => new Trainer({ ...smallOptions(single), model, loss })).toThrow(
      "Cannot train on 'shapes': it must have images of at least 2 classes, it has 1, 'only'",
    );
  });

  it('leaves a checkpoint behind an epoch whose held-out images cannot be read, which goes on to the same bits', async () => {
    const unreadable = new Proxy(images, {
      get: (target, key) => {
        if (key === 'batches')
          return () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('gone')) }) });
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const trainer = new Trainer({ ...smallOptions(images), validation: unreadable });
    const saved: Checkpoint[] = [];
    const save = (checkpoint: Checkpoint) => void saved.push(checkpoint);
    await trainer.open();
    await expect(trainer.run({ onCheckpoint: save, checkpointEveryMs: 1e9 })).rejects.toThrow('gone');
    await trainer.close();
    expect(saved.map(({ progress }) => progress)).toMatchObject([{ epoch: 0, batch: trainer.stepsPerEpoch }]);
    expect(vectorBytes(await train({ validation: images }, saved[0]))).toEqual(
      vectorBytes(await train({ validation: images })),
    );
  });

  it('learns: the loss falls, and the model is the one that was validated', async () => {
    const trainer = new Trainer({ ...smallOptions(images), epochs: 8, validation: images });
    const losses: number[] = [];
    await trainer.open();
    await trainer.run({ onEpoch: ({ training }) => void losses.push(training.loss) });
    const score = await trainer.evaluate(images);
    const { graph, ...model } = trainer.modelOf(await trainer.checkpoint());
    await trainer.close();
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) * 0.9);
    let right = 0;
    for await (const { data, labels, count } of images.batches(smallOptions(images).preprocessing, 10)) {
      const outputs = await runModel({ ...model, graph }, { input: feed('float32', data, [count, 3, 8, 8]) });
      const logits = outputs.logits?.data as Float32Array;
      for (let i = 0; i < count; i++) {
        const row = logits.subarray(10 * i, 10 * i + 10);
        if (row.indexOf(Math.max(...row)) === labels[i]) right++;
      }
    }
    expect(right / 50).toBeCloseTo(score.accuracy, 6);
  });

  it.each<[string, More]>([
    ['SGD', {}],
    [
      'AdamW, averages, augmentation, clipping',
      {
        optimizer: { kind: 'adamw' },
        emaDecay: 0.9,
        clipNorm: 1,
        augmentation: { crop: 2, flip: true, jitter: { brightness: 0.3 } },
      },
    ],
    ['dropout', { model: smallNetwork({ dropout: true }) }],
  ])('goes on in the middle of an epoch to the very same bits: %s', async (name, more) => {
    const whole = await train(more);
    const half = await train(more, undefined, 7);
    expect(half.progress.step).toBeGreaterThanOrEqual(7);
    expect(half.progress.step).toBeLessThan(10);
    const path = join(folder, `${name}.checkpoint`);
    await writeCheckpoint(path, half);
    const resumed = await train({ ...more, augmentThreads: 2 }, await readCheckpoint(path));
    expect(resumed.progress).toEqual(whole.progress);
    expect(vectorBytes(resumed)).toEqual(vectorBytes(whole));
    // It would not hold by itself.
    expect(vectorBytes(half)).not.toEqual(vectorBytes(whole));
    expect(vectorBytes(await train({ ...more, seed: 8 }))).not.toEqual(vectorBytes(whole));
  });

  it.each<[string, More, string]>([
    ['rate', { rate: 0.06 }, 'rate 0.05, not 0.06: repeat the call that made it, or begin anew'],
    ['seed', { seed: 8 }, 'seed 7, not 8: repeat'],
    [
      'momentum and decay',
      { optimizer: { kind: 'sgd', momentum: 0.8, weightDecay: 0 } },
      'optimizer.weightDecay 0.001, not 0, optimizer.momentum unset, not 0.8: repeat',
    ],
    ['model', { model: smallNetwork({ dropout: true }) }, 'another network or another loss: repeat'],
    ['augmentation', { augmentation: { flip: true } }, 'augmentation.flip unset, not true: repeat'],
    // 6 · 3 · 3 · 3 of the convolution, 24 · 10 + 10 of the linear layer, 6 + 6 of batch normalisation.
    ['frozen layers', { frozen: (name) => name.startsWith('bn') }, 'parameters 424, not 412: repeat'],
    // Sums in other orders come to other bits.
    ['threads', { threads: 2 }, 'threads 1, not 2: go on with as many, --threads 1, or begin anew'],
    ['device', { device: 'cuda' }, 'device cpu, not cuda: repeat'],
  ])('refuses the checkpoint of a run with other %s, and names it', async (_, more, what) => {
    const half = await train({}, undefined, 3);
    await expect(train(more, half)).rejects.toThrow(`The checkpoint is of a run with ${what}`);
  });

  it('says that threads follow from the cores where nothing told them', async () => {
    const half = await train({ threads: 7 }, undefined, 3);
    const { threads: _, ...untold } = smallOptions(images);
    const trainer = new Trainer(untold);
    await expect(trainer.open(half)).rejects.toThrow(
      /^The checkpoint is of a run with threads 7, not \d+, which unless told are as many as there are usable cores: go on with as many, --threads 7, or/,
    );
    await trainer.close();
  });

  it('refuses the checkpoint of a run with other images, though they have the same name and number', async () => {
    const half = await train({ validation: images }, undefined, 3);
    const other = await openData('shapes', { limit: 50, split: 'train', seed: 1 });
    const fewer = await openData('shapes', { limit: 40, split: 'train' });
    const message = 'The checkpoint is of a run with';
    await expect(train({ training: other, validation: images }, half)).rejects.toThrow(
      `${message} other training images: repeat`,
    );
    await expect(train({ training: fewer, validation: images }, half)).rejects.toThrow(
      `${message} training.images 50, not 40: repeat`,
    );
    await expect(train({ validation: other }, half)).rejects.toThrow(`${message} other held-out images: repeat`);
    await expect(train({}, half)).rejects.toThrow(`${message} validation.source shapes, not unset, `);
    await other.close();
    await fewer.close();
  });

  it('refuses an option that it does not have, and says which was meant', () => {
    const told = (more: object) => () => new Trainer({ ...smallOptions(images), ...more });
    expect(told({ ema: 0.9 })).toThrow("The trainer has no option 'ema': did you mean 'emaDecay'?");
    expect(told({ epoch: 3 })).toThrow("The trainer has no option 'epoch': did you mean 'epochs'?");
    expect(told({ lr: 3 })).toThrow("The trainer has no option 'lr': expected one of model, training, ");
  });

  it('refuses the checkpoint of a run with another order of as many images', async () => {
    const inOrder = (from: number) => ({
      size: 50,
      order: () => Uint32Array.from({ length: 50 }, (_, i) => (i + from) % 50),
    });
    const half = await train({ sampler: inOrder(0) }, undefined, 3);
    expect((await train({ sampler: inOrder(0) }, half)).progress.step).toBe(10);
    await expect(train({ sampler: inOrder(1) }, half)).rejects.toThrow(
      'The checkpoint is of a run with another order of the images: repeat',
    );
  });

  it('gives checkpoints inside an epoch, from which it goes on to the very same bits', async () => {
    const whole = await train();
    const trainer = new Trainer(smallOptions(images));
    const inside: Checkpoint[] = [];
    await trainer.open();
    await trainer.run({ onCheckpoint: (checkpoint) => void inside.push(checkpoint) });
    expect(vectorBytes(await trainer.checkpoint())).toEqual(vectorBytes(whole));
    await trainer.close();
    // Not after the last step of an epoch, which ends with one anyway.
    expect(inside.map(({ progress: { step } }) => step)).toEqual([1, 2, 3, 4, 6, 7, 8, 9]);
    for (const checkpoint of [inside[0], inside[5]]) {
      expect(vectorBytes(await train({}, checkpoint))).toEqual(vectorBytes(whole));
    }
  });

  it('gives none before the time has passed', async () => {
    const trainer = new Trainer(smallOptions(images));
    let given = 0;
    await trainer.open();
    await trainer.run({ onCheckpoint: () => void given++, checkpointEveryMs: 1e9 });
    await trainer.close();
    expect(given).toBe(0);
  });

  it('makes a run longer: one of a constant rate comes to the same bits as if it had been so long from the first', async () => {
    const options: More = { schedule: 'constant', optimizer: { kind: 'adamw' }, emaDecay: 0.9 };
    const whole = await train({ ...options, epochs: 3 });
    const short = await train({ ...options, epochs: 1 });
    expect(short).toMatchObject({ epochs: 1, progress: { epoch: 1, step: 5 } });
    expect(vectorBytes(await train({ ...options, epochs: 3 }, short))).toEqual(vectorBytes(whole));
  });

  it('takes the rates of a longer run from where it goes on', async () => {
    const short = await train();
    const trainer = new Trainer({ ...smallOptions(images), epochs: 4 });
    const rates: number[] = [];
    await trainer.open(short);
    await trainer.run({ onStep: ({ rate }) => void rates.push(rate) });
    await trainer.close();
    const cosine = Array.from({ length: 10 }, (_, i) => (0.05 * (1 + Math.cos((Math.PI * (i + 10)) / 20))) / 2);
    expect(rates).toHaveLength(10);
    for (const [i, rate] of rates.entries()) expect(rate).toBeCloseTo(cosine[i] as number, 12);
  });

  it('refuses to be shorter than what is done', async () => {
    const half = await train({}, undefined, 6);
    await expect(train({ epochs: 1 }, half)).rejects.toThrow(
      'The checkpoint is of epoch 2: training needs at least so many epochs, received 1',
    );
    expect((await train({ epochs: 2 }, await train())).progress).toMatchObject({ epoch: 2, step: 10 });
  });

  it('is done where the signal comes in the last step of all', async () => {
    const trainer = new Trainer({ ...smallOptions(images), epochs: 1 });
    const stop = new AbortController();
    const epochs: number[] = [];
    await trainer.open();
    const done = await trainer.run({
      signal: stop.signal,
      onStep: ({ step }) => void (step === 5 && stop.abort()),
      onEpoch: ({ epoch }) => void epochs.push(epoch),
    });
    expect({ done, epochs, progress: trainer.progress }).toMatchObject({
      done: true,
      epochs: [1],
      progress: { epoch: 1 },
    });
    await trainer.close();
  });

  it('judges held-out images by the plain loss, whatever it trains with', async () => {
    const classWeights = [0.1, 5, 1, 1, 1, 1, 1, 1, 1, 1];
    // The last of the batches has two images.
    const trainer = new Trainer({ ...smallOptions(images), labelSmoothing: 0.4, classWeights, batch: 16 });
    await trainer.open();
    const { loss } = await trainer.evaluate(images);
    await trainer.close();
    expect(loss).toBeCloseTo(await plainLoss(smallNetwork()), 5);
  });

  it('answers with, and gives, the averages of weights and statistics', async () => {
    const trainer = new Trainer({ ...smallOptions(images), emaDecay: 0.5, batch: 10, epochs: 3 });
    const history: Checkpoint['vectors'][] = [];
    await trainer.open();
    history.push((await trainer.checkpoint()).vectors);
    await trainer.run({
      onCheckpoint: ({ vectors }) => void history.push(vectors),
      onEpoch: async () => void history.push((await trainer.checkpoint()).vectors),
    });
    const { loss } = await trainer.evaluate(images);
    const last = await trainer.checkpoint();
    const averaged = trainer.modelOf(last);
    const raw = trainer.modelOf({
      ...last,
      vectors: new Map([...last.vectors].filter(([name]) => !/aver/.test(name))),
    });
    await trainer.close();
    expect(history).toHaveLength(16);
    // tf.train.ExponentialMovingAverage(decay=0.5, num_updates=n), n from 1, of each step's weights.
    const average = (name: string): number[] =>
      history
        .map((vectors) => [...(vectors.get(name) ?? [])])
        .reduce((old, now, n) => {
          const decay = Math.min(0.5, (1 + n) / (10 + n));
          return old.map((value, i) => value * decay + (now[i] as number) * (1 - decay));
        });
    const valuesOf = ({ graph }: Model, names: readonly string[]): number[] =>
      names.flatMap((name) => [...(graph.initializers.get(name)?.float32s() ?? [])]);
    const weights = ['conv1.weight', 'fc1.weight', 'bn1.weight', 'bn1.bias', 'fc1.bias'];
    expectClose(valuesOf(averaged, weights), average('state.parameters'), 1e-5);
    expectClose(valuesOf(averaged, ['bn1.running_mean', 'bn1.running_var']), average('state.statistics'), 1e-5);
    expect(loss).toBeCloseTo(await plainLoss(averaged), 5);
    // It would not hold by itself.
    expect(Math.abs((await plainLoss(raw)) - loss)).toBeGreaterThan(1e-3);
  });

  it('stops where the loss is no number any more, and says at which step and rate', async () => {
    const error = await train({ rate: 1e30, schedule: 'constant' }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(DivergenceError);
    expect(error.message).toMatch(
      /^The loss is (NaN|-?Infinity) at step \d+ of 10 with a learning rate of 1\.00e\+30: try/,
    );
  });

  describe('and held-out images', () => {
    /** Scores that give each epoch the accuracy and loss wanted: the labels of the images are changed, or their numbers. */
    const heldOut = (fill: (epoch: number) => number | undefined): Dataset => {
      let epoch = 0;
      return {
        ...images,
        source: 'held out',
        split: undefined,
        splits: [],
        size: images.size,
        classNames: images.classNames,
        labels: images.labels,
        skipped: 0,
        skippedNames: [],
        digest: () => images.digest(),
        async *batches(pre: Preprocessing, size: number) {
          const value = fill(++epoch);
          for await (const batch of images.batches(pre, size)) {
            if (value !== undefined) batch.data.fill(value);
            yield batch;
          }
        },
      } as unknown as Dataset;
    };

    it('stops where their loss is no number, which is never best, and goes on from the last good epoch', async () => {
      // The second of three epochs comes to NaN once.
      const trainer = new Trainer({
        ...smallOptions(images),
        epochs: 3,
        validation: heldOut((epoch) => (epoch === 2 ? Number.NaN : undefined)),
      });
      await trainer.open();
      const saved: Checkpoint[] = [];
      const error = await trainer
        .run({ onEpoch: async () => void saved.push(await trainer.checkpoint()) })
        .catch((thrown) => thrown);
      await trainer.close();
      expect(error).toBeInstanceOf(DivergenceError);
      // Step 10 of 15, the last of the epoch, has the rate of step 9 from 0: 0.05 (1 + cos(9/15 π)) / 2.
      expect(error.message).toMatch(
        /^The loss on the held-out images is NaN at step 10 of 15 with a learning rate of 0\.0173: try/,
      );
      expect(saved.map(({ progress: { epoch, best } }) => [epoch, best?.epoch])).toEqual([[1, 1]]);
      const validation = heldOut(() => undefined);
      const gone = await train({ epochs: 3, validation }, saved[0]);
      expect(vectorBytes(gone)).toEqual(vectorBytes(await train({ epochs: 3, validation })));
    });

    it('takes the lower loss for the better one of epochs that are right as often', async () => {
      // One image throughout, of which a network always says the same: one in ten classes is right.
      const validation = heldOut(() => 0);
      const trainer = new Trainer({ ...smallOptions(images), epochs: 6, validation });
      const epochs: (readonly [loss: number, best: boolean])[] = [];
      await trainer.open();
      await trainer.run({
        onEpoch: ({ validation: score, best }) => {
          expect(score?.accuracy).toBeCloseTo(0.1, 6);
          epochs.push([score?.loss ?? Number.NaN, best]);
        },
      });
      const { best } = trainer.progress;
      await trainer.close();
      const losses = epochs.map(([loss]) => loss);
      expect(new Set(losses).size).toBeGreaterThan(1);
      expect(epochs.map(([, isBest]) => isBest)).toEqual(
        losses.map((loss, i) => losses.slice(0, i).every((earlier) => loss < earlier)),
      );
      expect(best).toMatchObject({ epoch: losses.indexOf(Math.min(...losses)) + 1, loss: Math.min(...losses) });
    });
  });

  it('goes on where the loss is infinite and the weights are not', async () => {
    // The square of 1e20 is beyond float32, its derivative is not.
    const b = new GraphBuilder({ seed: 3 });
    const y = b.linear(b.flatten(b.input('input', 'float32', ['batch', 3, 8, 8])), { out: 10 });
    b.output('scores', b.add(y, b.op('Constant', [], { value: Tensor.scalar('float32', 1e20) })));
    const losses: number[] = [];
    const trainer = new Trainer({
      ...smallOptions(images),
      model: b.build(),
      loss: 'mse',
      rate: 1e-30,
    });
    await trainer.open();
    await trainer.run({ onStep: ({ score }) => void losses.push(score.loss) });
    const { progress } = await trainer.checkpoint();
    await trainer.close();
    expect(losses).toContain(Number.POSITIVE_INFINITY);
    expect(progress).toMatchObject({ epoch: 2, step: 10 });
  });

  it('gives no checkpoint of weights that are no numbers, though the loss of the last step was one', async () => {
    // The rate overflows in the one and only update.
    const error = await train({ rate: 1e39, epochs: 1, batch: 50 }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(DivergenceError);
    expect(error.message).toMatch(
      /^The weights are no numbers any more at step 1 of 1 with a learning rate of 1\.00e\+39/,
    );
  });

  it('leaves frozen initializers as they were to the bit, statistics too', async () => {
    const options = { ...smallOptions(images), frozen: (name: string) => /^(bn|conv)/.test(name) };
    const trainer = new Trainer(options);
    await trainer.open();
    await trainer.run();
    const trained = trainer.modelOf(await trainer.checkpoint()).graph.initializers;
    await trainer.close();
    const before = smallNetwork().graph.initializers;
    const changed = [...before.keys()].filter(
      (name) => !Buffer.from(before.get(name)?.bytes ?? []).equals(Buffer.from(trained.get(name)?.bytes ?? [])),
    );
    expect(changed).toEqual(['fc1.weight', 'fc1.bias']);
  });

  it('goes on updating the statistics of batch normalisation of which only scale and bias are frozen', async () => {
    const done = await train({ frozen: (name) => /^bn1\.(weight|bias)$/.test(name) });
    expect(done.vectors.get('state.statistics')?.some((value, i) => value !== (i < 6 ? 0 : 1))).toBe(true);
  });

  it('trains a model of an old operator set to the bits of the same one of a newer', async () => {
    const newer = oldFashioned(8);
    const [old, expected] = [await train({ model: inOldWords(newer, 8) }), await train({ model: newer })];
    expect(vectorBytes(old)).toEqual(vectorBytes(expected));
    const trainer = new Trainer({ ...smallOptions(images), model: inOldWords(newer, 8) });
    const model = trainer.modelOf(old);
    await trainer.close();
    expect(model.opsets.get('')).toBe(13);
    const feeds = randomFeeds(model, 1);
    const before = (await runModel(newer, feeds)).probabilities;
    const after = (await runModel(model, feeds)).probabilities;
    expect(after?.dims).toEqual(before?.dims);
    expect(after?.data).not.toEqual(before?.data);
  });

  it('trains weights that stand in Constant nodes, and gives them as initializers', async () => {
    const b = new GraphBuilder({ seed: 1 });
    const pooled = b.flatten(b.globalAveragePool(b.input('input', 'float32', ['batch', 3, 8, 8])));
    const weight = Tensor.of(
      'float32',
      [3, 10],
      Array.from({ length: 30 }, (_, i) => Math.sin(i)),
    );
    const last = b.op('Constant', [], { value: weight }, { name: 'last' });
    b.output('logits', b.op('MatMul', [b.batchNorm(pooled), last]));
    const trainer = new Trainer({ ...smallOptions(images), model: b.build(), epochs: 1 });
    try {
      await trainer.open();
      const before = trainer.modelOf(await trainer.checkpoint()).graph;
      await trainer.run();
      const after = trainer.modelOf(await trainer.checkpoint()).graph;
      const [old, now] = [before, after].map(({ initializers }) => initializers.get('/last_output_0')?.float32s());
      expect(old?.[1]).toBe(Math.fround(Math.sin(1)));
      expect(now).not.toEqual(old);
      expect(after.nodes.filter(({ opType }) => opType === 'Constant')).toEqual([]);
    } finally {
      await trainer.close();
    }
  });

  it('takes no more memory after 10,000 steps', async () => {
    const b = new GraphBuilder({ seed: 3 });
    const x = b.input('input', 'float32', ['batch', 3, 16, 16]);
    const hidden = b.relu(b.linear(b.flatten(x), { out: 64 }));
    b.output('logits', b.linear(hidden, { out: 10 }));
    const options: More = {
      model: b.build(),
      preprocessing: { ...smallOptions(images).preprocessing, shape: [3, 16, 16] },
      augmentation: { flip: true },
      batch: 25,
      epochs: 5000,
    };
    const trainer = new Trainer({ ...smallOptions(images), ...options });
    const resident: number[] = [];
    await trainer.open();
    await trainer.run({ onStep: ({ step }) => void (step % 100 === 0 && resident.push(process.memoryUsage.rss())) });
    await trainer.close();
    // A batch has 77 kB, weights and velocity have 400 kB: kept from each of the last 8000 steps they would be 600 MB and
    // 3.2 GB. The least of many looks is free of what merely waits for the garbage collector.
    const least = (from: number, to: number) => Math.min(...resident.slice(from, to));
    expect(resident).toHaveLength(100);
    expect(least(80, 100) - least(10, 20)).toBeLessThan(200e6);
  }, 120_000);

  it('takes batches larger than the data, and models exported for one batch size', async () => {
    expect((await train({ batch: 1000, epochs: 1 })).progress.step).toBe(1);
    expect(vectorBytes(await train({ model: smallNetwork({ batch: 1 }) }))).toEqual(vectorBytes(await train()));
  });

  it.each<[string, More, string]>([
    ['another number of classes', { model: smallNetwork({ outputs: 7 }) }, 'tells 7 classes apart, the data has 10'],
    ['a single output', { model: smallNetwork({ outputs: 1 }), loss: 'bce' }, 'tells 2 classes apart, the data has 10'],
    ['no epochs', { epochs: 0 }, 'a whole number of epochs from 1, received 0'],
    ['a warm-up as long as the training', { warmupEpochs: 2 }, 'shorter than the 2 epochs of training, received 2'],
    ['smoothing of another loss', { loss: 'mse', labelSmoothing: 0.1 }, 'Label smoothing is of the loss cross-entropy'],
    ['weights of other classes', { classWeights: [1, 2] }, 'a weight for each of the 10 classes, received 2'],
    ['weights of 0', { classWeights: Array(10).fill(0) }, 'must be above 0 for some class that the images'],
    ['a crop larger than the images', { augmentation: { crop: 9 } }, 'for crop a whole number of pixels from 0 to 8'],
    ['a batch of nothing', { batch: 0 }, 'a whole number of images in a batch from 1, received 0'],
    ['a batch of part of an image', { batch: 2.5 }, 'a whole number of images in a batch from 1, received 2.5'],
    [
      'a factor of the rate that is none',
      { gamma: Number.NaN },
      "The schedule's gamma must be a number from 0, received NaN",
    ],
    ['a factor of the rate below 0', { gamma: -1 }, "The schedule's gamma must be a number from 0, received -1"],
    ['a seed that is none', { seed: Number.NaN }, 'The seed must be a whole number, received NaN'],
    ['a seed between two', { seed: 1.5 }, 'The seed must be a whole number, received 1.5'],
    ['weights below 0', { classWeights: [1, 2, 3, 4, 5, 6, 7, 8, 9, -1] }, 'must be numbers from 0, received -1'],
  ])('refuses %s', (_, more, message) => {
    expect(() => new Trainer({ ...smallOptions(images), ...more })).toThrow(message);
  });
});
