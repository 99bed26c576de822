import { describe, expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { gradientAt, vector } from '../../../test/gradient-at.ts';
import type { Random } from '../../base/index.ts';
import { type AttributeLike, Tensor } from '../../graph/index.ts';

type Attributes = Readonly<Record<string, AttributeLike | undefined>>;

/** Uniform in ±4, and not within 0.1 of these. */
const awayFrom =
  (...kinks: number[]) =>
  (random: Random): number => {
    for (;;) {
      const x = random.uniform(-4, 4);
      if (kinks.every((kink) => Math.abs(x - kink) > 0.1)) return x;
    }
  };

describe('against central differences', () => {
  it.each([
    ['Relu', {}, awayFrom(0)],
    ['LeakyRelu', { alpha: 0.1 }, awayFrom(0)],
    ['LeakyRelu', { alpha: -0.5 }, awayFrom(0)],
    ['Sigmoid', {}, awayFrom()],
    ['Softmax', {}, awayFrom()],
    ['Softmax', { axis: 0 }, awayFrom()],
    ['Softmax', { axis: -2 }, awayFrom()],
    ['LogSoftmax', { axis: 1 }, awayFrom()],
    ['LogSoftmax', {}, awayFrom()],
  ] as [string, Attributes, (random: Random) => number][])('%s %o', async (opType, attributes, draw) => {
    for (const symbolicBatch of [false, true]) {
      await checkGradient({ opType, inputs: [[3, 4, 2]], attributes, draw, opset: 16, symbolicBatch });
    }
  });

  it.each([
    ['Elu', {}, [0], 17],
    ['Elu', { alpha: 0.4 }, [0], 17],
    ['Celu', {}, [0], 17],
    ['Celu', { alpha: 2.5 }, [0], 17],
    ['Selu', {}, [0], 17],
    ['Selu', { alpha: 1.2, gamma: 0.7 }, [0], 17],
    ['ThresholdedRelu', { alpha: 0.6 }, [0.6], 17],
    ['Shrink', { lambd: 0.7, bias: 0.2 }, [-0.7, 0.7], 17],
    ['HardSigmoid', {}, [-2.5, 2.5], 17],
    ['HardSigmoid', { alpha: 0.5, beta: 0.3 }, [-0.6, 1.4], 17],
    ['HardSwish', {}, [-3, 3], 17],
    ['Softplus', {}, [], 17],
    ['Softsign', {}, [], 17],
    ['Mish', {}, [], 18],
    ['Gelu', {}, [], 20],
    ['Gelu', { approximate: 'tanh' }, [], 20],
    ['Swish', { alpha: 1.3 }, [], 24],
  ] as [string, Attributes, number[], number][])('%s %o, in float32', async (opType, attributes, kinks, opset) => {
    await checkGradient({
      opType,
      inputs: [[4, 6]],
      attributes,
      draw: awayFrom(...kinks),
      opset,
      dtype: 'float32',
      step: 5e-3,
      tolerance: 2e-3,
      symbolicBatch: true,
    });
  });

  it('Sigmoid where it hardly rises any more: slopes of 10⁻⁸ to 10⁻⁷', async () => {
    // Below 0 ONNX Runtime has 1 − 1/(1 + eˣ), a few digits fewer.
    const draw = (random: Random) => random.uniform(-19, -16);
    await checkGradient({ opType: 'Sigmoid', inputs: [[4, 6]], draw, tolerance: 1e-3 });
  });

  it('PRelu, its slope broadcast', async () => {
    for (const slope of [[3, 1, 1], [1], [], [2, 3, 4, 5], [5], [4, 1]]) {
      const draw = (random: Random, input: number) => (input === 0 ? awayFrom(0)(random) : random.uniform(0.1, 0.5));
      await checkGradient({ opType: 'PRelu', inputs: [[2, 3, 4, 5], slope], opset: 16, draw });
      if (slope.length < 4)
        await checkGradient({ opType: 'PRelu', inputs: [[2, 3, 4, 5], slope], opset: 16, draw, symbolicBatch: [0] });
    }
  });

  it('Clip, with its bounds', async () => {
    const [low, high] = [Tensor.scalar('float64', -1), Tensor.scalar('float64', 1.5)];
    const draw = (random: Random, input: number) => (input === 1 ? -1 : input === 2 ? 1.5 : awayFrom(-1, 1.5)(random));
    for (const bounds of [[low, high], [null, high], [low], [], [[], []], [null, []], [[]]]) {
      await checkGradient({ opType: 'Clip', inputs: [[5, 6], ...bounds], draw, symbolicBatch: [0] });
    }
  });
});

/** torch.autograd.grad(f(x).sum(), x) with PyTorch 2.15 in float64; at kinks no difference quotient says what is right. */
describe("equals PyTorch's at and between the kinks [-3, -1, 0, 1, 3]", () => {
  const sixth = 1 / 6;
  it.each([
    ['F.relu', 'Relu', {}, [0, 0, 0, 1, 1]],
    ['F.leaky_relu(x, 0.1)', 'LeakyRelu', { alpha: 0.1 }, [0.1, 0.1, 0.1, 1, 1]],
    ['F.elu', 'Elu', {}, [0.049787068, 0.367879441, 1, 1, 1]],
    ['F.elu(x, 0.5)', 'Elu', { alpha: 0.5 }, [0.024893534, 0.183939721, 0.5, 1, 1]],
    ['F.celu(x, 2)', 'Celu', { alpha: 2 }, [0.22313016, 0.60653066, 1, 1, 1]],
    ['F.selu', 'Selu', {}, [0.087530612, 0.646768603, 1.758099341, 1.050700987, 1.050700987]],
    ['F.hardsigmoid', 'HardSigmoid', { alpha: sixth }, [0, sixth, sixth, sixth, 0]],
    ['F.hardswish', 'HardSwish', {}, [0, 0.166666667, 0.5, 0.833333333, 1]],
    ['F.hardshrink(x, 1)', 'Shrink', { lambd: 1 }, [1, 0, 0, 0, 1]],
    ['F.softshrink(x, 1)', 'Shrink', { lambd: 1, bias: 1 }, [1, 0, 0, 0, 1]],
    ['F.threshold(x, 1, 0)', 'ThresholdedRelu', { alpha: 1 }, [0, 0, 0, 0, 1]],
    ['F.gelu', 'Gelu', {}, [-0.011945647, -0.083315471, 0.5, 1.083315471, 1.011945647]],
    [
      "F.gelu(x, approximate='tanh')",
      'Gelu',
      { approximate: 'tanh' },
      [-0.011584167, -0.082964084, 0.5, 1.082964084, 1.011584167],
    ],
    ['F.mish', 'Mish', {}, [-0.093393115, 0.059216756, 0.6, 1.04903622, 1.021106911]],
    ['F.softsign', 'Softsign', {}, [0.0625, 0.25, 1, 0.25, 0.0625]],
    ['F.softplus', 'Softplus', {}, [0.047425873, 0.268941421, 0.5, 0.731058579, 0.952574127]],
    ['torch.erf', 'Erf', {}, [0.000139253, 0.415107497, 1.128379167, 0.415107497, 0.000139253]],
  ] as [string, string, Attributes, number[]][])('%s', async (_, opType, attributes, expected) => {
    const [given = []] = await gradientAt({ inputs: [vector(-3, -1, 0, 1, 3)], opset: 20, dtype: 'float32' }, (b, x) =>
      b.op(opType, x, attributes),
    );
    for (const [i, value] of expected.entries()) expect(given[i], `at ${[-3, -1, 0, 1, 3][i]}`).toBeCloseTo(value, 5);
  });

  it('F.silu', async () => {
    const [given = []] = await gradientAt({ inputs: [vector(-3, -1, 0, 1, 3)], opset: 24, dtype: 'float32' }, (b, x) =>
      b.op('Swish', x),
    );
    for (const [i, value] of [-0.088104106, 0.072329488, 0.5, 0.927670512, 1.088104106].entries())
      expect(given[i]).toBeCloseTo(value, 5);
  });

  it('F.prelu', async () => {
    const x = { dims: [1, 2, 2], values: [-3, 0, 1, -1] };
    const slope = { dims: [2, 1], values: [0.25, 0.5] };
    const gradients = await gradientAt({ inputs: [x, slope], opset: 16 }, (b, inputs) => b.op('PRelu', inputs));
    expect(gradients).toEqual([
      [0.25, 0.25, 1, 0.5],
      [-3, -1],
    ]);
  });

  it('F.hardtanh, and torch.clamp with numbers: 0 at the bounds', async () => {
    const inputs = [vector(-2, -1, 0, 1, 2)];
    const [low, high] = [Tensor.scalar('float64', -1), Tensor.scalar('float64', 1)];
    const clip = (bounds: readonly (Tensor | undefined)[]) =>
      gradientAt({ inputs }, (b, [x = '']) =>
        b.op('Clip', [x, ...bounds.map((each) => (each ? b.constant(each) : ''))]),
      );
    expect(await clip([low, high])).toEqual([[0, 0, 1, 0, 0]]);
    expect(await clip([low])).toEqual([[0, 0, 1, 1, 1]]);
    expect(await clip([undefined, high])).toEqual([[1, 1, 1, 0, 0]]);
    expect(await clip([high, low])).toEqual([[0, 0, 0, 0, 0]]);
    expect(await clip([])).toEqual([[1, 1, 1, 1, 1]]);
  });

  it('F.relu6', async () => {
    const inputs = [vector(-2, 0, 3, 6, 7)];
    expect(await gradientAt({ inputs }, (b, [x = '']) => b.relu6(x))).toEqual([[0, 0, 1, 0, 0]]);
  });

  // torch.autograd.grad(torch.clamp(x, low, high).sum(), (x, low, high))
  it.each([
    ['between', -1, 1, [0, 0.5, 1, 0.5, 0], 1.5, 1.5],
    ['that cross: the upper one has it all', 1, -1, [0, 0, 0, 0, 0], 0, 5],
  ])('torch.clamp with tensors as bounds, %s', async (_, low, high, x, byLow, byHigh) => {
    const bound = (value: number) => ({ dims: [], values: [value] });
    const inputs = [vector(-2, -1, 0, 1, 2), bound(low), bound(high)];
    expect(await gradientAt({ inputs }, (b, all) => b.op('Clip', all))).toEqual([x, [byLow], [byHigh]]);
  });

  it('torch.clamp with a tensor as its lower bound', async () => {
    const inputs = [vector(-2, -1, 0, 1, 2), { dims: [], values: [-1] }];
    expect(await gradientAt({ inputs }, (b, all) => b.op('Clip', all))).toEqual([[0, 0.5, 1, 1, 1], [1.5]]);
  });
});
