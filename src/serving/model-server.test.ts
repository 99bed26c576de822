import { describe, expect, it } from 'vitest';
import { BufferPool } from '../base/index.ts';
import type { PredictContext } from '../plan/index.ts';
import { ModelServer, type ModelServerParts } from './model-server.ts';

/** A data plane over one model that notes with what each request comes to it. */
function planeOver(seen: PredictContext[]): ModelServer {
  const counter = { prepared: () => {}, finished: () => {} };
  const deployment = {
    name: 'm',
    version: '1',
    plan: { input: { name: 'input', shape: [1, 1, 1] }, labels: ['a'] },
    outputName: 'logits',
    statistics: counter,
    predictor: {
      predict: async (_batch: unknown, context: PredictContext) => {
        seen.push(context);
        return { count: 1, data: Float32Array.of(1), answeredBy: ['root'] };
      },
    },
    serve: async (_clock: unknown, answer: () => Promise<{ value: unknown }>) => (await answer()).value,
  };
  const parts = {
    registry: { get: () => deployment },
    clock: { now: () => 0 },
    maxRowBytes: 40,
    buffers: new BufferPool(),
    version: '1.0.0',
    workers: 1,
  };
  return new ModelServer(parts as unknown as ModelServerParts);
}

describe('ModelServer', () => {
  // Triton's InferenceRequest::SetPriority: 0, and what is above the model's levels, becomes the model's default level.
  it.each([
    [undefined, 5],
    [0, 5],
    [1, 1],
    [10, 10],
    [11, 5],
    [Number.MAX_SAFE_INTEGER, 5],
  ])('a request of priority %s waits with priority %i', async (priority, expected) => {
    const seen: PredictContext[] = [];
    await planeOver(seen).infer({
      model: 'm',
      inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 1, 1, 1], content: { values: [1] } }],
      ...(priority !== undefined && { priority }),
    });
    expect(seen).toEqual([expect.objectContaining({ priority: expected })]);
  });
});
