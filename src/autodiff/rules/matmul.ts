/** Gradients of the matrix products. */
import type { GradientContext, GradientRule } from '../gradient-rule.ts';
import type { Terms } from '../terms.ts';

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

/** dA = dY·Bᵀ and dB = Aᵀ·dY, summed over the batches along which a matrix was repeated. */
const matMul: GradientRule = (g) => {
  const { t } = g;
  const [a, b] = [g.x(0), g.x(1)];
  if (t.rank(a) >= 2 && t.rank(b) === 2 && typeof t.dims(b)[0] === 'number' && typeof t.dims(b)[1] === 'number') {
    return byOneMatrix(g);
  }
  // A vector is a matrix of one row (A) or one column (B), whose axis the product does not have.
  const [rows, columns] = [t.rank(a) === 1 ? t.unsqueeze(a, [0]) : a, t.rank(b) === 1 ? t.unsqueeze(b, [1]) : b];
  let dy = g.dy;
  if (columns !== b) dy = t.unsqueeze(dy, [t.rank(dy)]);
  if (rows !== a) dy = t.unsqueeze(dy, [t.rank(dy) - 1]);
  return g.each(
    () => t.reshapeLike(t.unbroadcast(t.op('MatMul', [dy, transposed(t, columns)]), rows), a),
    () => t.reshapeLike(t.unbroadcast(t.op('MatMul', [transposed(t, rows), dy]), columns), b),
  );
};

/** All batches times the same B are the rows of one long product, so that dB needs no sum afterwards. */
function byOneMatrix(g: GradientContext): readonly (string | undefined)[] {
  const { t } = g;
  const [a, b] = [g.x(0), g.x(1)];
  const long = (x: string, columns: number): string => (t.rank(x) === 2 ? x : t.reshape(x, [-1, columns]));
  const dy = long(g.dy, t.size(b, 1));
  return g.each(
    () => t.reshapeLike(t.op('Gemm', [dy, b], { transB: true }), a),
    () => t.op('Gemm', [long(a, t.size(b, 0)), dy], { transA: true }),
  );
}

function transposed(t: Terms, x: string): string {
  const rank = t.rank(x);
  return t.transpose(x, [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2]);
}

export const matmul = {
  Gemm: gemm,
  MatMul: matMul,
  Einsum: 'refused',
  MatMulInteger: 'refused',
  QLinearMatMul: 'refused',
} as const;
