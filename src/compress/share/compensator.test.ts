import { expect, it } from 'vitest';
import { type Model, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { compensateMasked, type InputMoments } from '../../transforms/index.ts';
import type { FineTuneOptions } from '../fine-tune.ts';
import { compensated } from './compensator.ts';
import { deepCompression } from './deep-compression.ts';

function dense(inputs: number, outputs: number): Model {
  const b = new GraphBuilder();
  const x = b.flatten(b.input('x', 'float32', ['n', inputs, 1, 1]));
  const weights = Float32Array.from({ length: inputs * outputs }, (_, i) => Math.sin(i * i));
  b.output('y', b.op('Gemm', [x, b.initializer('w', Tensor.float32([inputs, outputs], weights))]));
  return b.build();
}

/** Neighbours are alike. */
function momentsOf(size: number): ReadonlyMap<string, InputMoments> {
  const data = Float64Array.from({ length: size * size }, (_, k) => 0.5 ** Math.abs(Math.floor(k / size) - (k % size)));
  return new Map([['/Gemm', { channels: { rows: size, columns: size, data } }]]);
}

it('compensated() is what compensateMasked() is, and tells of each layer', async () => {
  const model = dense(6, 4);
  const masks = new Map([['w', Uint8Array.from({ length: 24 }, (_, i) => Number(i % 3 > 0))]]);
  const told: unknown[] = [];
  const onLayer = (...all: unknown[]): void => void told.push(all);
  const made = await compensated(model, masks, momentsOf(6), { onLayer });
  const expected = compensateMasked(model, masks, momentsOf(6)).graph.initializers.get('w')?.float32s();
  expect(made.graph.initializers.get('w')?.float32s()).toEqual(expected);
  expect(expected).not.toEqual(model.graph.initializers.get('w')?.float32s());
  expect(told).toEqual([[0, 1, '/Gemm']]);
  expect(await compensated(model, new Map(), momentsOf(6))).toBe(model);
});

it('deepCompression() stops in the middle of a layer whose weights have much to say', async () => {
  const stop = new AbortController();
  const compressed = deepCompression(dense(1500, 200), {
    ...{
      sparsity: 0.3,
      criterion: 'magnitude',
      steps: 1,
      bits: { conv: 8, fc: 5 },
      epochs: 0,
      codebookRate: 1,
      seed: 1,
    },
    training: undefined as unknown as FineTuneOptions['training'],
    fineTune: async (_, model) => model,
    moments: async () => {
      setTimeout(() => stop.abort(), 500);
      return momentsOf(1500);
    },
    signal: stop.signal,
  });
  await expect(compressed).rejects.toMatchObject({
    code: 'cancelled',
    message: "Stopped while the weights of '/Gemm' were fitted to what stays",
  });
});
