import { describe, expect, it } from 'vitest';
import { smallImages, smallOptions, trainSmall, vectorBytes } from '../../test/small-training.ts';
import type { Dataset } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { checkBatch } from './batch-size.ts';
import { Trainer } from './trainer.ts';

describe('checkBatch()', () => {
  it.each([
    [1, 1, 7],
    [2, 2, 8],
    [2, 5, 12],
    [2, 100, 3],
  ])('a least batch of %i is there with batches of %i of %i images', (least, batch, images) => {
    expect(() => checkBatch(least, batch, images)).not.toThrow();
  });

  it.each([
    [2, 1, 8, 'Cannot train with batches of 1; '],
    [2, 4, 9, 'Cannot train with 9 images in batches of 4: the last would have 1; '],
    [2, 4, 1, 'Cannot train with 1 images in batches of 4: the last would have 1; '],
  ])('a least batch of %i is not with batches of %i of %i images', (least, batch, images, message) => {
    expect(() => checkBatch(least, batch, images)).toThrow(message);
  });
});

/** Batch normalisation behind the pooling. */
function network(): Model {
  const b = new GraphBuilder({ seed: 1 });
  const pooled = b.flatten(b.globalAveragePool(b.input('input', 'float32', ['batch', 3, 8, 8])));
  b.output('logits', b.linear(b.batchNorm(pooled), { out: 10 }));
  return b.build();
}

describe('Trainer', () => {
  it('refuses batches of one image where batch normalisation has one value of each before the first step', async () => {
    const training = await smallImages();
    expect(() => new Trainer({ ...smallOptions(training), model: network(), batch: 1 })).toThrow(/batches of 1; /);
    expect(() => new Trainer({ ...smallOptions(training), model: network(), batch: 7 })).toThrow(/last would have 1; /);
    await new Trainer({ ...smallOptions(training), batch: 1 }).close();
  });

  it('leaves out a batch that an unreadable image has made too small, and goes on behind it', async () => {
    const holed = await smallImages(200);
    // The image is in the same batch of two wherever the run goes on.
    const training = new Proxy(holed, {
      get: (target, key) => {
        if (key === 'pixels') {
          const pixels: Dataset['pixels'] = async (indices, shape) => {
            const all = new Map(await target.pixels(indices, shape));
            all.delete(5);
            return all;
          };
          return pixels;
        }
        const value = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const order = Uint32Array.from({ length: 200 }, (_, i) => i);
    const more = { model: network(), batch: 2, epochs: 1, sampler: { size: 200, order: () => order } };
    const steps: number[] = [];
    const trainer = new Trainer({ ...smallOptions(training), ...more });
    try {
      await trainer.open();
      await trainer.run({
        onStep: ({ step }) => void steps.push(step),
        onEpoch: ({ training: { images } }) => expect(images).toBe(198),
      });
    } finally {
      await trainer.close();
    }
    // The third batch is that of images 4 and 5.
    expect(steps).toEqual(Array.from({ length: 100 }, (_, i) => i + 1).filter((step) => step !== 3));
    const broken = await trainSmall(training, more, undefined, 2);
    expect(vectorBytes(await trainSmall(training, more, broken))).toEqual(
      vectorBytes(await trainSmall(training, more)),
    );
    await holed.close();
  });
});
