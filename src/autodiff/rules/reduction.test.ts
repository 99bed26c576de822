import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { gradientAt, vector } from '../../../test/gradient-at.ts';
import { Random } from '../../base/index.ts';
import { Tensor } from '../../graph/index.ts';

const normal = (random: Random) => random.normal();
const positive = (random: Random) => random.uniform(0.5, 2);
const apart = (random: Random) => (random.integer(2) === 0 ? 1 : -1) * random.uniform(0.3, 2);

describe('against central differences, over axes as attribute and as input', () => {
  it.each([
    ['ReduceSum', normal],
    ['ReduceMean', normal],
    ['ReduceMax', normal],
    ['ReduceMin', normal],
    ['ReduceSumSquare', normal],
    ['ReduceLogSumExp', normal],
    ['ReduceProd', apart],
    ['ReduceL1', apart],
    ['ReduceL2', normal],
    ['ReduceLogSum', positive],
  ] as const)('%s', async (opType, draw) => {
    const random = new Random(opType.length);
    const single = ![
      'ReduceSum',
      'ReduceMean',
      'ReduceMax',
      'ReduceMin',
      'ReduceSumSquare',
      'ReduceLogSumExp',
    ].includes(opType);
    for (let seed = 0; seed < 8; seed++) {
      const dims = Array.from({ length: 1 + random.integer(4) }, () => 1 + random.integer(4));
      const some = random
        .shuffle(dims.map((_, axis) => axis))
        .slice(0, 1 + random.integer(dims.length))
        .map((axis) => (random.integer(2) === 0 ? axis : axis - dims.length));
      const axes = random.integer(4) === 0 ? undefined : some;
      const opset = random.pick([13, 17, 18]);
      const asInput = opset >= 18 || opType === 'ReduceSum';
      await checkGradient({
        opType,
        inputs: asInput && axes !== undefined ? [dims, Tensor.int64s(axes)] : [dims],
        attributes: { keepdims: random.integer(2), axes: asInput ? undefined : axes },
        opset,
        draw,
        symbolicBatch: random.integer(2) === 0,
        seed,
        ...(single ? { dtype: 'float32', step: 5e-3, tolerance: 3e-3 } : {}),
      });
    }
  });

  it.each([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])('CumSum with exclusive=%i reverse=%i', async (exclusive, reverse) => {
    await checkGradient({
      opType: 'CumSum',
      inputs: [[3, 4], Tensor.scalar('int64', -1)],
      attributes: { exclusive, reverse },
      symbolicBatch: true,
    });
  });

  it('TopK', async () => {
    for (const [axis, largest] of [
      [-1, 1],
      [0, 0],
      [1, 1],
    ] as const) {
      await checkGradient({
        opType: 'TopK',
        inputs: [[3, 4, 5], Tensor.int64s([2])],
        attributes: { axis, largest },
        outputs: 2,
      });
    }
  });
});

describe("equals PyTorch's where there is no difference quotient", () => {
  it('x.amax(1) shares ties evenly', async () => {
    const x = { dims: [2, 3], values: [1, 3, 3, 2, 2, 2] };
    const third = 1 / 3;
    const expected = [[0, 0.5, 0.5, third, third, third]];
    expect(await gradientAt({ inputs: [x] }, (b, all) => b.op('ReduceMax', all, { axes: [1] }))).toEqual(expected);
    // torch.amin of the negative
    const negative = { dims: [2, 3], values: x.values.map((value) => -value) };
    const min = await gradientAt({ inputs: [negative] }, (b, all) =>
      b.op('ReduceMin', all, { axes: [1], keepdims: 0 }),
    );
    expect(min).toEqual(expected);
  });

  it('x.norm(dim=1) is flat at 0', async () => {
    const x = { dims: [2, 2], values: [0, 0, 3, 4] };
    const [given = []] = await gradientAt({ inputs: [x], dtype: 'float32' }, (b, all) =>
      b.op('ReduceL2', all, { axes: [1] }),
    );
    for (const [i, value] of [0, 0, 0.6, 0.8].entries()) expect(given[i]).toBeCloseTo(value, 6);
  });

  it('x.prod(1) of one zero, two, and none', async () => {
    const x = { dims: [3, 3], values: [0, 2, 3, 0, 0, 4, 2, 3, 4] };
    const [given] = await gradientAt({ inputs: [x], dtype: 'float32' }, (b, all) =>
      b.op('ReduceProd', all, { axes: [1], keepdims: 0 }),
    );
    expect(given).toEqual([6, 0, 0, 0, 0, 0, 12, 8, 6]);
  });

  it('x.abs().sum() is flat at 0', async () => {
    const [given] = await gradientAt({ inputs: [vector(-1, 0, 2)], dtype: 'float32' }, (b, all) =>
      b.op('ReduceL1', all),
    );
    expect(given).toEqual([-1, 0, 1]);
  });
});
