import { it } from 'vitest';
import { checkGradient } from '../../../test/check-gradient.ts';
import { Random } from '../../base/index.ts';

it('Gemm, transposed or not, with C broadcast', async () => {
  const random = new Random(3);
  for (let seed = 0; seed < 8; seed++) {
    const [m, k, n] = [1, 2, 3].map(() => 1 + random.integer(5)) as [number, number, number];
    const [transA, transB] = [random.integer(2), random.integer(2)];
    const c = random.pick([[m, n], [1, n], [n], [m, 1], [1], []]);
    await checkGradient({
      opType: 'Gemm',
      inputs: [transA ? [k, m] : [m, k], transB ? [n, k] : [k, n], c],
      attributes: { transA, transB, alpha: random.uniform(0.5, 2), beta: random.uniform(0.5, 2) },
      tolerance: 1e-4,
      dtype: 'float32',
      step: 1,
      seed,
    });
  }
});

it.each([
  [
    [3, 4],
    [4, 5],
  ],
  [
    [2, 3, 4],
    [4, 5],
  ],
  [
    [2, 3, 2, 4],
    [4, 1],
  ],
  [
    [3, 4],
    [2, 4, 5],
  ],
  [
    [2, 3, 4],
    [2, 4, 5],
  ],
  [
    [2, 1, 3, 4],
    [3, 4, 5],
  ],
  [
    [1, 3, 4],
    [2, 4, 5],
  ],
  [
    [3, 1, 2, 4],
    [1, 2, 4, 5],
  ],
  [[4], [4, 5]],
  [[4], [2, 4, 5]],
  [[3, 4], [4]],
  [[2, 3, 4], [4]],
  [[4], [4]],
])('MatMul of %j and %j', async (a, b) => {
  await checkGradient({ opType: 'MatMul', inputs: [a, b], step: 1 });
});

it.each([
  [[2, 3, 4], [4, 5], [0]],
  [[2, 4], [4, 5], [0]],
  [
    [2, 3, 4],
    [2, 4, 5],
    [0, 1],
  ],
  [[2, 3, 4], [3, 2, 4, 5], [0]],
  [[2, 3, 4], [4], [0]],
  [[4], [2, 4, 5], [1]],
])('MatMul of %j and %j with a symbolic batch', async (a, b, symbolicBatch) => {
  await checkGradient({ opType: 'MatMul', inputs: [a, b], symbolicBatch, step: 1 });
});
