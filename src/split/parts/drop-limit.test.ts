import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { smallImages } from '../../../test/small-training.ts';
import { Meter } from '../../compress/index.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { dropLimit } from './drop-limit.ts';

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
  const b = new GraphBuilder({ seed: 1 });
  const x = b.flatten(b.globalAveragePool(b.input('input', 'float32', ['batch', 3, 8, 8])));
  b.output('logits', b.linear(x, { out: 1 }));
  const model = b.build();
  const initializers = new Map(model.graph.initializers);
  initializers.set('fc1.weight', Tensor.float32([1, 3], new Float32Array(3)));
  initializers.set('fc1.bias', Tensor.float32([1], Float32Array.of(logit)));
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
    // Nothing is highest of scores that are no numbers: all that was right is lost, 1/2.
    const lost = constant(Number.NaN);
    const [strict, lenient] = [0.49, 0.51].map((most) =>
      dropLimit(meter, constant(3), [2], data, PRE, { ...limit, most }),
    );
    expect(await (await strict)?.(lost)).toBe(false);
    expect(await (await lenient)?.(lost)).toBe(true);
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
