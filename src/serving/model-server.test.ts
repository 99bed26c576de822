import { describe, expect, it, vi } from 'vitest';
import { BufferPool } from '../base/index.ts';
import type { PredictContext } from '../plan/index.ts';
import { ModelServer, type ModelServerParts } from './model-server.ts';

/** A data plane over one model that notes with what each request comes to it. */
function planeOver(seen: PredictContext[], late?: readonly string[], buffers = new BufferPool()): ModelServer {
  const counter = { prepared: () => {}, finished: () => {} };
  const deployment = {
    name: 'm',
    version: '1',
    plan: { input: { name: 'input', shape: [1, 1, 1] }, labels: ['a'] },
    decode: async () => Float32Array.of(1),
    counts: { decoded: () => {} },
    outputName: 'logits',
    statistics: counter,
    predict: async (_batch: unknown, context: PredictContext) => {
      seen.push(context);
      return { count: 1, data: Float32Array.of(1), answeredBy: ['root'], ...(late && { late }) };
    },
    predictor: { scale: 'logits' },
    serve: async (_clock: unknown, answer: () => Promise<{ value: unknown }>) => (await answer()).value,
  };
  const parts = {
    registry: { get: () => deployment },
    clock: { now: () => 0 },
    maxRowBytes: 40,
    buffers,
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

  const request = {
    model: 'm',
    inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 1, 1, 1], content: { values: [1] } }],
  };

  it('says which parts an answer is without', async () => {
    const parameters = { skein_late_parts: 'root.parallel.1,root.parallel.3' };
    const plane = planeOver([], ['root.parallel.1', 'root.parallel.3']);
    expect(await plane.infer(request)).toMatchObject({ parameters });
    expect(await plane.classify({ model: 'm', image: new Uint8Array(1) })).toMatchObject({ parameters });
    expect(await planeOver([]).infer(request)).not.toHaveProperty('parameters');
    expect(await planeOver([]).classify({ model: 'm', image: new Uint8Array(1) })).not.toHaveProperty('parameters');
  });

  it('leaves rows that a late part may still read alone', async () => {
    const given = async (late?: readonly string[]) => {
      const buffers = new BufferPool();
      const give = vi.spyOn(buffers, 'give');
      await planeOver([], late, buffers).infer(request);
      return give.mock.calls.length;
    };
    expect(await given()).toBe(1);
    expect(await given(['root.parallel.1'])).toBe(0);
  });
});
