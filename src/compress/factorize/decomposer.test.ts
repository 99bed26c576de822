import { expect, it } from 'vitest';
import { type Model, Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { applyFactorizations } from './apply-factorizations.ts';
import { surveyLayers } from './survey-layers.ts';

/** A layer whose eigenvectors take many seconds. */
const SIDE = 1500;
const NAME = '/Gemm';

function dense(inputs: number, outputs: number): Model {
  const b = new GraphBuilder();
  const x = b.flatten(b.input('x', 'float32', [1, inputs, 1, 1]));
  const weights = Float32Array.from({ length: inputs * outputs }, (_, i) => Math.sin(i * i));
  b.output('y', b.op('Gemm', [x, b.constant(Tensor.float32([inputs, outputs], weights))]));
  return b.build();
}

const meter = { latenciesMs: async (models: readonly Model[]) => models.map(() => 1) };

/** Aborted when the thread is at it, if this one comes to hear of it. */
function soon() {
  const stop = new AbortController();
  return { signal: stop.signal, onLayer: () => void setTimeout(() => stop.abort(), 500) };
}

it('surveyLayers() stops in the middle of a layer', async () => {
  const surveyed = surveyLayers(dense(SIDE, SIDE), { by: 'evbmf' }, { meter, shape: [SIDE, 1, 1], ...soon() });
  await expect(surveyed).rejects.toMatchObject({
    code: 'cancelled',
    message: `Stopped while '${NAME}' was decomposed`,
  });
});

it('applyFactorizations() stops in the middle of a layer', async () => {
  const split = new Map([[NAME, { kind: 'svd', ranks: [16] }]] as const);
  await expect(applyFactorizations(dense(SIDE, SIDE), split, soon())).rejects.toMatchObject({
    code: 'cancelled',
    message: `Stopped while '${NAME}' was decomposed`,
  });
});

it('leaves a layer alone whose eigenvectors would take too long, and refuses to split it', async () => {
  const model = dense(2100, 2100);
  const why = 'the eigenvectors of a 2100 × 2100 matrix would take too long: 2048 at most';
  const options = { meter, shape: [2100, 1, 1] } as const;
  expect(await surveyLayers(model, { by: 'evbmf' }, options)).toMatchObject([{ candidates: [], obstacle: why }]);
  const ranks = new Map([[NAME, { kind: 'svd', ranks: [16] }]] as const);
  expect(await surveyLayers(model, { by: 'given', ranks }, options)).toMatchObject([{ candidates: [], obstacle: why }]);
  await expect(applyFactorizations(model, ranks)).rejects.toThrow(`Cannot factorize node '${NAME}' (Gemm): ${why}`);
});

it('says what stands in the way of weights that are no numbers', async () => {
  const b = new GraphBuilder();
  const weights = Tensor.float32([2, 2], Float32Array.of(1, Number.NaN, 0, 1));
  b.output('y', b.op('Gemm', [b.flatten(b.input('x', 'float32', [1, 2, 1, 1])), b.constant(weights)]));
  const model = b.build();
  const surveyed = await surveyLayers(model, { by: 'evbmf' }, { meter, shape: [2, 1, 1] });
  expect(surveyed).toMatchObject([{ obstacle: 'its weights are not all finite numbers' }]);
  const split = new Map([[NAME, { kind: 'svd', ranks: [1] }]] as const);
  await expect(applyFactorizations(model, split)).rejects.toThrow(
    `Cannot factorize '${NAME}': its weights must be finite numbers`,
  );
});
