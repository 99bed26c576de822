/** What a mask of independent draws has, by the formulas of the binomial distribution, for steps, seeds and neighbours. */
import { describe, expect, it } from 'vitest';
import { feed, openOnnx, runModel } from '../../test/run-onnx.ts';
import type { Model } from '../graph/index.ts';
import { serializeModel } from '../onnx/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { trainingMode } from './training-mode.ts';

const SIZE = 40_000;

function dropout(ratio: number, seed = 0): Model {
  const b = new GraphBuilder();
  b.output('y', b.dropout(b.input('x', 'float32', ['rows', 100]), ratio));
  const { writer } = trainingMode(b.build(), { seed, stepInput: 'step' });
  const last = writer.nodes.at(-1)?.outputs[0] ?? '';
  return writer.build(new Map([['y', last]]));
}

/** Of ones: 0 or 1 / (1 − ratio). */
async function masks(model: Model, steps: readonly number[]): Promise<Float32Array[]> {
  const session = await openOnnx(serializeModel(model));
  const all: Float32Array[] = [];
  for (const step of steps) {
    const outputs = await session.run({
      x: feed('float32', new Float32Array(SIZE).fill(1), [SIZE / 100, 100]),
      step: feed('float32', Float32Array.of(step), []),
    });
    all.push(outputs.y?.data as Float32Array);
  }
  await session.release();
  return all;
}

const share = (mask: Float32Array) => mask.filter((value) => value === 0).length / mask.length;

/** The share of places at which both drop, `shift` apart. */
function both(a: Float32Array, b: Float32Array, shift = 0): number {
  let count = 0;
  for (let i = 0; i + shift < SIZE; i++) if (a[i] === 0 && b[i + shift] === 0) count++;
  return count / (SIZE - shift);
}

/** Five standard deviations of a share `p` of so many draws. */
const bound = (p: number) => 5 * Math.sqrt((p * (1 - p)) / SIZE);

describe('the mask of dropout', () => {
  it.each([0.1, 0.5, 0.8])('drops a share of %f, and scales the rest to keep the mean', async (ratio) => {
    for (const mask of await masks(dropout(ratio), [1, 2, 3, 1000, 2 ** 24])) {
      expect(Math.abs(share(mask) - ratio)).toBeLessThan(bound(ratio));
      for (const value of mask.subarray(0, 1000)) if (value !== 0) expect(value).toBeCloseTo(1 / (1 - ratio), 5);
    }
  });

  it('is another one at each step, of each seed, and at each neighbour', async () => {
    const steps = await masks(dropout(0.5), [1, 2, 3, 500]);
    const [seeded] = await masks(dropout(0.5, 1), [1]);
    const pairs: [Float32Array, Float32Array, number][] = [];
    for (const [i, a] of steps.entries()) {
      for (const b of [...steps.slice(i + 1), ...(seeded === undefined ? [] : [seeded])]) pairs.push([a, b, 0]);
      for (const shift of [1, 2, 3, 8, 100, 101]) pairs.push([a, a, shift]);
    }
    for (const [a, b, shift] of pairs) expect(Math.abs(both(a, b, shift) - 0.25)).toBeLessThan(bound(0.25));
  });

  it.each(['by the step', "by ONNX Runtime's generator"])('is another one in each layer, %s', async (how) => {
    const b = new GraphBuilder();
    const x = b.input('x', 'float32', ['rows', 100]);
    const layers = [b.dropout(x, 0.5), b.dropout(x, 0.5), b.dropout(b.relu(x), 0.5)];
    for (const [i, layer] of layers.entries()) b.output(`layer${i}`, layer);
    const byStep = how === 'by the step';
    const { writer } = trainingMode(b.build(), byStep ? { stepInput: 'step' } : {});
    const model = writer.build(new Map(layers.map((_, i) => [`layer${i}`, `layer${i}`])));
    const outputs = await runModel(model, {
      x: feed('float32', new Float32Array(SIZE).fill(1), [SIZE / 100, 100]),
      ...(byStep ? { step: feed('float32', Float32Array.of(1), []) } : {}),
    });
    const [first, second, third] = layers.map((_, i) => outputs[`layer${i}`]?.data as Float32Array);
    for (const [one, other] of [
      [first, second],
      [first, third],
      [second, third],
    ]) {
      expect(Math.abs(both(one as Float32Array, other as Float32Array) - 0.25)).toBeLessThan(bound(0.25));
    }
  });

  it('is the same one at the same step', async () => {
    const [first, , again] = await masks(dropout(0.3), [4, 5, 4]);
    expect(again).toEqual(first);
  });

  it('drops everything or nothing where it is told so', async () => {
    const feeds = {
      x: feed('float32', new Float32Array(100).fill(2), [1, 100]),
      step: feed('float32', Float32Array.of(1), []),
    };
    expect((await runModel(dropout(1), feeds)).y?.data).toEqual(new Float32Array(100));
    expect((await runModel(dropout(0), feeds)).y?.data).toEqual(new Float32Array(100).fill(2));
  });
});
