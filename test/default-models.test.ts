/** The embedded models: two that `skein train` made, see models/README.md. */
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openData } from '../src/data/index.ts';
import { argmax, calibrate, openPlan, openServable, recordPair } from '../src/plan/index.ts';
import { Engine } from '../src/runtime/index.ts';

describe('the embedded models', () => {
  const engine = new Engine();
  afterAll(() => engine.close());

  it.each([
    ['shapes-small', 0.9],
    ['shapes-big', 0.97],
  ])('%s says what it takes, and is right on drawn images that it has not seen', async (name, least) => {
    const file = fileURLToPath(new URL(`../../models/${name}.onnx`, import.meta.url));
    const { plan, preprocessingFrom, labelsFrom } = await openServable(file);
    const data = await openData('shapes', { split: 'test', limit: 500 });
    expect(preprocessingFrom).toBe('metadata');
    expect(labelsFrom).toBe('metadata');
    expect(plan.labels).toEqual(data.classNames);
    expect(plan.input.shape).toEqual([3, 32, 32]);
    const open = await openPlan(engine, plan);
    let right = 0;
    for await (const { count, data: images, labels } of data.batches(plan.input, 100)) {
      const scores = await open.predictor.predict({ count, data: images });
      for (const [row, label] of labels.entries()) if (argmax(scores.data, row * 10, 10) === label) right++;
    }
    expect(right / data.size).toBeGreaterThan(least);
    await open.close();
    await data.close();
  });

  it('are a pair that pays, which npm start serves', async () => {
    const planOf = async (name: string) => {
      const file = fileURLToPath(new URL(`../../models/${name}.onnx`, import.meta.url));
      return (await openServable(file)).plan;
    };
    const data = await openData('shapes', { split: 'val', limit: 10_000 });
    const recorded = await recordPair(engine, await planOf('shapes-small'), await planOf('shapes-big'), data);
    const { picked } = calibrate(recorded.record, { ...recorded, maxDrop: 0 });
    // Of images, not of time: 11.5 % when they were made.
    expect(picked?.share).toBeLessThan(0.3);
    await data.close();
  });
});
