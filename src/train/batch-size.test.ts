import { describe, expect, it } from 'vitest';
import { smallImages, smallOptions } from '../../test/small-training.ts';
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
});
