import { describe, expect, it } from 'vitest';
import { checkFeeds } from './check-feeds.ts';
import type { NamedTensors, TensorInfo } from './tensor-data.ts';

const inputs: TensorInfo[] = [{ name: 'input', dtype: 'float32', dims: ['batch', 3, 2] }];
const good = { dtype: 'float32', dims: [2, 3, 2], data: new Float32Array(12) } as const;

describe('checkFeeds()', () => {
  it('lets in what fits, a rank that is left open too', () => {
    checkFeeds({ input: good }, inputs);
    checkFeeds({ input: good }, [{ name: 'input', dtype: 'float32', dims: [] }]);
    checkFeeds({ ids: { dtype: 'int64', dims: [1], data: BigInt64Array.of(1n) } }, [
      { name: 'ids', dtype: 'int64', dims: [1] },
    ]);
    checkFeeds({ half: { dtype: 'float16', dims: [1], data: Uint16Array.of(1) } }, [
      { name: 'half', dtype: 'float16', dims: [-1] },
    ]);
    checkFeeds({ text: { dtype: 'string', dims: [1], data: ['a'] } }, [{ name: 'text', dtype: 'string', dims: ['n'] }]);
  });

  it.each<[string, unknown, string]>([
    ['no input', {}, 'received none'],
    ['another name', { x: good }, "received 'x'"],
    ['another element type', { input: { ...good, dtype: 'int32' } }, 'received int32'],
    ['no element type', { input: { type: 'float32', dims: good.dims, data: good.data } }, 'received no dtype'],
    ['no dims', { input: { dtype: 'float32', shape: good.dims, data: good.data } }, 'received no dims'],
    ['dims that are no sizes', { input: { ...good, dims: [-1, 3, 2] } }, 'received the dims [-1,3,2]'],
    ['another shape', { input: { ...good, dims: [2, 2, 3] } }, 'received [2,2,3]'],
    ['another rank', { input: { ...good, dims: [12] } }, 'received [12]'],
    ['no data', { input: { dtype: 'float32', dims: good.dims } }, 'data in nothing instead of Float32Array'],
    [
      'another array',
      { input: { ...good, data: new Float64Array(12) } },
      'data in Float64Array instead of Float32Array',
    ],
    ['another size', { input: { ...good, data: new Float32Array(11) } }, 'received 11 elements for [2,3,2]'],
  ])('refuses %s', (_what, feeds, received) => {
    const message = "The model's input 'input' must be a tensor { dtype, dims, data } of float32 [batch,3,2], ";
    expect(() => checkFeeds(feeds as NamedTensors, inputs)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: message + expected(received) }),
    );
  });

  it('refuses an input that the model does not have', () => {
    expect(() => checkFeeds({ input: good, mask: good }, inputs)).toThrow(
      "The model has no input 'mask': its inputs are 'input'",
    );
  });
});

function expected(received: string): string {
  return received.startsWith('received') ? received : `received ${received}`;
}
