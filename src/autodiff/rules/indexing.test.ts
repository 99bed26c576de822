import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { feed, runModel } from '../../../test/run-onnx.ts';
import { Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { differentiate } from '../differentiate.ts';
import { GraphWriter } from '../graph-writer.ts';

const indices = (dims: readonly number[], ...values: number[]) => Tensor.of('int64', dims, values);

describe('Gather', () => {
  it.each([
    ['one', indices([], 2)],
    ['one from the end', indices([], -1)],
    ['one in a list', indices([1], 1)],
    ['a range', indices([2], 1, 2)],
    ['some', indices([2], 3, 0)],
    ['a permutation', indices([4], 2, -1, 0, 1)],
    ['repeated', indices([5], 0, 3, 0, -4, 1)],
    ['a matrix', indices([2, 3], 0, 1, 2, 2, 1, -1)],
    ['a matrix, each once', indices([2, 2], 3, 1, 2, 0)],
  ])('%s, along every axis', async (_, picked) => {
    for (const axis of [0, 1, 2, -1]) {
      const dims = [2, 3, 2].map((dim, i) => (i === (axis + 3) % 3 ? 4 : dim));
      await checkGradient({ opType: 'Gather', inputs: [dims, picked], attributes: { axis }, step: 1 });
    }
  });

  it('from a symbolic batch', async () => {
    for (const picked of [indices([], 2), indices([2], 3, 0), indices([3], 1, 1, 2), indices([2, 2], 1, 1, 2, 3)]) {
      await checkGradient({
        opType: 'Gather',
        inputs: [[2, 4, 3], picked],
        attributes: { axis: 1 },
        symbolicBatch: true,
      });
    }
    await checkGradient({ opType: 'Gather', inputs: [[5, 3], indices([2], 1, 1)], symbolicBatch: true });
  });

  it.each([13, 16])('by indices that only the run knows, in operator set %i', async (opset) => {
    const b = new GraphBuilder({ opset, dtype: 'float32' });
    b.input('table', 'float32', [4, 2]);
    b.input('tokens', 'int64', ['batch', 3]);
    b.output('y', b.op('Gather', ['table', 'tokens']));
    const writer = new GraphWriter(b.build());
    const dy = writer.input('dy', 'float32', writer.dims('y') ?? []);
    const gradient = differentiate(writer, { seeds: new Map([['y', dy]]), wrt: ['table'] }).get('table') as string;
    const { grad = { data: [] } } = await runModel(writer.build(new Map([['grad', gradient]])), {
      table: feed('float32', new Float32Array(8), [4, 2]),
      tokens: feed('int64', BigInt64Array.from([1n, 3n, 1n, 0n, 1n, 0n]), [2, 3]),
      dy: feed(
        'float32',
        Float32Array.from({ length: 12 }, (_, i) => i),
        [2, 3, 2],
      ),
    });
    // Row 0 was read by tokens 3 and 5, row 1 by 0, 2 and 4, row 2 by none, row 3 by 1.
    expect([...(grad.data as Float32Array)]).toEqual([16, 18, 12, 15, 0, 0, 2, 3]);
  });
});

it('GatherElements adds up what is picked twice', async () => {
  for (const axis of [0, 1, -1]) {
    const picked = indices([2, 3], 0, 1, 1, 1, -1, 0);
    await checkGradient({ opType: 'GatherElements', inputs: [[2, 3], picked], attributes: { axis }, step: 1 });
  }
});

it('GatherElements refuses an operator set that cannot add', async () => {
  const of = { opType: 'GatherElements', inputs: [[2, 3], indices([1, 1], 0)], opset: 13 };
  await expect(checkGradient(of)).rejects.toThrow(/operator set 16, received 13/);
});

it('ScatterElements, overwriting and adding', async () => {
  const at = indices([2, 2], 0, 2, 1, -1);
  const inputs = [[3, 3], at, [2, 2]];
  await checkGradient({ opType: 'ScatterElements', inputs, attributes: { axis: 1 }, step: 1 });
  const twice = [[3, 3], indices([2, 2], 1, 1, 0, 2), [2, 2]];
  await checkGradient({ opType: 'ScatterElements', inputs: twice, attributes: { axis: 1, reduction: 'add' }, step: 1 });
  const max = { opType: 'ScatterElements', inputs, attributes: { reduction: 'max' }, opset: 18 };
  await expect(checkGradient(max)).rejects.toThrow(/reduction 'max' is not supported/);
});

it('ScatterND, overwriting and adding', async () => {
  await checkGradient({ opType: 'ScatterND', inputs: [[4, 3], indices([2, 1], 2, 0), [2, 3]], step: 1 });
  await checkGradient({
    opType: 'ScatterND',
    inputs: [[4, 3], indices([2, 2], 2, 0, 1, 1), [2]],
    attributes: { reduction: 'add' },
    step: 1,
  });
});
