import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallImages, smallOptions, trainSmall, vectorBytes } from '../../test/small-training.ts';
import { Random, seedOf } from '../base/index.ts';
import type { Augmentation, Dataset } from '../data/index.ts';
import { Trainer } from './trainer.ts';
import type { TrainerOptions } from './trainer-options.ts';

let images: Dataset;
beforeAll(async () => {
  images = await smallImages();
});
afterAll(() => images.close());

type More = Partial<TrainerOptions>;

describe('Trainer with values of each image', () => {
  /** The label as the step is told it beside the image: 0 where it is mirrored, so that both are told apart. */
  const told = (augmentation: Augmentation, other = 0): More => {
    const variants = augmentation.flip ? 2 : 1;
    const values = Float32Array.from({ length: images.size * variants }, (_, i) =>
      i % variants === 0 ? images.label(Math.floor(i / variants)) + other : 0,
    );
    return {
      augmentation,
      imageFeeds: [{ name: 'told', size: 1, variants, values }],
      writeLoss: (t, [scores = ''], labels) => {
        const known = t.reshape(t.writer.input('told', 'float32', ['batch', 1]), [-1]);
        const wrong = t.cast(t.op('Not', [t.op('Equal', [known, t.cast(labels, 'float32')])]), 'float32');
        return t.add(t.reduceMean(wrong, undefined, false), t.scale(t.reduceMean(scores, undefined, false), 1e-3));
      },
    };
  };
  const lossesOf = async (more: More): Promise<number[]> => {
    const trainer = new Trainer({ ...smallOptions(images), ...more, rate: 1e-9, epochs: 1 });
    const losses: number[] = [];
    await trainer.open();
    await trainer.run({ onEpoch: ({ training }) => void losses.push(training.loss) });
    await trainer.close();
    return losses;
  };

  it('feeds those of the images of the batch', async () => {
    expect((await lossesOf(told({})))[0]).toBeCloseTo(0, 2);
    expect((await lossesOf(told({}, 1)))[0]).toBeCloseTo(1, 2);
  });

  it('feeds those of the variant that the image became', async () => {
    // Those of class 0 are told alike; of the others as many are told wrong as were mirrored.
    const others = Array.from(images.labels).filter((label) => label > 0).length;
    const { seed = 0 } = smallOptions(images);
    const mirrored = Array.from({ length: images.size }, (_, i) => i).filter(
      (i) => images.label(i) > 0 && new Random(seedOf(seed, 0, i, 0)).integer(2) === 1,
    ).length;
    expect(mirrored).toBeGreaterThan(0);
    expect(mirrored).toBeLessThan(others);
    expect((await lossesOf(told({ flip: true })))[0]).toBeCloseTo(mirrored / images.size, 2);
  });

  it('goes on where it was stopped, and not with other values', async () => {
    const more = told({ flip: true });
    const whole = await trainSmall(images, more);
    const half = await trainSmall(images, more, undefined, 3);
    expect(vectorBytes(await trainSmall(images, more, half))).toEqual(vectorBytes(whole));
    await expect(trainSmall(images, told({ flip: true }, 1), half)).rejects.toThrow(
      'The checkpoint is of a run with other values beside the images: repeat',
    );
  });

  it('refuses an augmentation of more variants, and values of other images', async () => {
    expect(() => new Trainer({ ...smallOptions(images), ...told({}), augmentation: { crop: 2 } })).toThrow(
      "The values of the input 'told' are known of 1 variants of each image, the augmentation makes more than can be counted",
    );
    const { imageFeeds = [], ...more } = told({});
    const short = imageFeeds.map((feed) => ({ ...feed, values: feed.values.subarray(1) }));
    expect(() => new Trainer({ ...smallOptions(images), ...more, imageFeeds: short })).toThrow(
      "The input 'told' needs 50 numbers, 1 times 1 for each of 50 images, received 49",
    );
  });
});
