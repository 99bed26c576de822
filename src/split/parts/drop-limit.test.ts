import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallImages } from '../../../test/small-training.ts';
import { Meter } from '../../compress/index.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { imagesOfBothSides } from './class-importance.ts';
import { dropLimit } from './drop-limit.ts';
import { ownAccuracy, recordPart } from './part-scores.ts';

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

/** Says the same of every image: always 'other', or always its class. */
function constant(logit: number): Model {
  return linear([0, 0, 0], logit);
}

/** Says that it is the class where there is more, or less, red than on the whole. */
function byRed(weight: number): Model {
  return linear([weight, 0, 0], 0);
}

function linear(weights: readonly number[], bias: number): Model {
  const b = new GraphBuilder({ seed: 1 });
  const x = b.flatten(b.globalAveragePool(b.input('input', 'float32', ['batch', 3, 8, 8])));
  b.output('logits', b.linear(x, { out: 1 }));
  const model = b.build();
  const initializers = new Map(model.graph.initializers);
  initializers.set('fc1.weight', Tensor.float32([1, 3], Float32Array.from(weights)));
  initializers.set('fc1.bias', Tensor.float32([1], Float32Array.of(bias)));
  return { ...model, graph: { ...model.graph, initializers } };
}

describe('dropLimit()', () => {
  const limit = { images: 40, seed: 1 };

  // Whatever says the same of all is right for one of 'other' and the class: 1/2 of its own task, so nothing is lost.
  it('holds where as much is right as before', async () => {
    const holds = await dropLimit(meter, constant(-3), [2], data, PRE, { ...limit, most: 0 });
    expect(await holds(constant(-3))).toBe(true);
    expect(await holds(constant(3))).toBe(true);
  });

  it('does not where more is lost than allowed', async () => {
    // What answers the other way round is right where the first is wrong.
    const [one, other] = [byRed(1), byRed(-1)];
    const rightOf = async (c: number): Promise<number> => {
      const order = imagesOfBothSides(data.labels, [c], limit.images, limit.seed);
      return ownAccuracy(await recordPart(meter, one, [c], data, PRE, { order }));
    };
    // Of the class that red says most of.
    let [classOf, right] = [0, 0.5];
    for (let c = 0; c < 10; c++) {
      const found = await rightOf(c);
      if (Math.abs(found - 0.5) > Math.abs(right - 0.5)) [classOf, right] = [c, found];
    }
    const lost = Math.abs(2 * right - 1);
    expect(lost).toBeGreaterThan(0.05);
    const [better, worse] = right > 0.5 ? [one, other] : [other, one];
    const holds = (most: number) => dropLimit(meter, better, [classOf], data, PRE, { ...limit, most });
    expect(await (await holds(lost - 0.01))(worse)).toBe(false);
    expect(await (await holds(lost + 0.01))(worse)).toBe(true);
  });

  it('tells after each batch of images', async () => {
    let batches = 0;
    const onImages = (): void => {
      batches++;
    };
    await dropLimit(meter, constant(1), [2], data, PRE, { ...limit, most: 0, onImages });
    expect(batches).toBe(1);
  });
});
