import { expect, it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { gradientAt, vector } from '../../../test/gradient-at.ts';
import type { Random } from '../../base/index.ts';
import { Tensor } from '../../graph/index.ts';

const between = (low: number, high: number) => (random: Random) => random.uniform(low, high);
const normal = (random: Random) => random.normal();
const apart = (random: Random) => (random.integer(2) === 0 ? 1 : -1) * random.uniform(0.3, 2);

it.each([
  ['Abs', apart],
  ['Neg', normal],
  ['Reciprocal', apart],
  ['Sqrt', between(0.2, 4)],
  ['Exp', normal],
  ['Log', between(0.2, 4)],
  ['Sin', normal],
  ['Cos', normal],
  ['Tanh', normal],
] as const)('%s', async (opType, draw) => {
  for (const symbolicBatch of [false, true]) await checkGradient({ opType, inputs: [[3, 2, 5]], draw, symbolicBatch });
});

it.each([
  ['Erf', normal],
  ['Tan', between(-1, 1)],
  ['Asin', between(-0.8, 0.8)],
  ['Acos', between(-0.8, 0.8)],
  ['Atan', normal],
  ['Sinh', normal],
  ['Cosh', normal],
  ['Asinh', normal],
  ['Acosh', between(1.5, 4)],
  ['Atanh', between(-0.8, 0.8)],
] as const)('%s, which ONNX Runtime has in float32', async (opType, draw) => {
  await checkGradient({ opType, inputs: [[4, 5]], draw, dtype: 'float32', step: 3e-3, tolerance: 2e-3 });
});

it('Abs is flat at 0, as torch.abs', async () => {
  expect(await gradientAt({ inputs: [vector(-2, 0, 3)] }, (b, x) => b.op('Abs', x))).toEqual([[-1, 0, 1]]);
});

it("what is blocked before an infinite slope is 0, as PyTorch's x.relu().sqrt() and its like", async () => {
  const inputs = [vector(-1, 4)];
  // torch.autograd.grad(f(x).sum(), x) of [-1, 4] is [0, 0.25] for all of these.
  expect(await gradientAt({ inputs }, (b, [x = '']) => b.op('Sqrt', [b.relu(x)]))).toEqual([[0, 0.25]]);
  expect(await gradientAt({ inputs }, (b, [x = '']) => b.op('Log', [b.clip(x, 0, 9)]))).toEqual([[0, 0.25]]);
  const selected = await gradientAt({ inputs }, (b, [x = '']) => {
    const zero = b.constant(Tensor.scalar('float64', 0));
    return b.op('Sqrt', [b.op('Where', [b.op('Greater', [x, zero]), x, zero])]);
  });
  expect(selected).toEqual([[0, 0.25]]);
});
