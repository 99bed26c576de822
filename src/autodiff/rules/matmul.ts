/** Gradients of the matrix products. */
import type { GradientRule } from '../gradient-rule.ts';

/** Y = α·op(A)·op(B) + β·C */
const gemm: GradientRule = (g) => {
  const { t, dy, op } = g;
  const [a, b] = [g.x(0), g.x(1)];
  const [transA, transB] = [op.int('transA', 0) !== 0, op.int('transB', 0) !== 0];
  const alpha = op.float('alpha', 1);
  const product = (left: string, transLeft: boolean, right: string, transRight: boolean): string =>
    t.op('Gemm', [left, right], { alpha, transA: transLeft, transB: transRight });
  return g.each(
    () => (transA ? product(b, transB, dy, true) : product(dy, false, b, !transB)),
    () => (transB ? product(dy, true, a, transA) : product(a, !transA, dy, false)),
    () => t.unbroadcast(t.scale(dy, op.float('beta', 1)), g.x(2)),
  );
};

export const matmul = {
  Gemm: gemm,
  MatMul: 'refused',
  Einsum: 'refused',
  MatMulInteger: 'refused',
  QLinearMatMul: 'refused',
} as const;
