/** Matrix products: the axis that is summed up has its channels in both factors, the others go on. */
import type { ChannelContext } from '../channel-context.ts';
import type { ChannelRule } from '../channel-rule.ts';

/** [N, in] · weight + bias → [N, out]; the weight is [in, out], or [out, in] with transB. */
const gemm: ChannelRule = {
  relate(c) {
    if (c.op.int('transA', 0) !== 0) return;
    const inAxis = c.op.int('transB', 0) === 0 ? 0 : 1;
    const out = relateProduct(c, 1, inAxis, 1 - inAxis);
    if (out === undefined) return;
    if (c.op.has(2)) {
      const last = (c.dims(2)?.length ?? 0) - 1;
      if (c.dims(2)?.[last] === out.length) {
        c.unify(c.atoms(2, last), out);
        c.role(2, last, 'bias');
      }
    }
    c.setOutput(0, [{ axis: 1, axes: 1, atoms: out }]);
  },
};

/** [..., in] · [in, out] → [..., out] */
const matmul: ChannelRule = {
  relate(c) {
    const [a, b] = [c.dims(0), c.dims(1)];
    if (a === undefined || b === undefined || a.length < 2 || b.length !== 2) return;
    const last = a.length - 1;
    const out = relateProduct(c, last, 0, 1);
    const others = c.layout(0).filter(({ axis }) => axis !== last);
    c.setOutput(0, [...others, ...(out === undefined ? [] : [{ axis: last, axes: 1, atoms: out }])]);
  },
};

/** Unites the axes that are summed over; gives the atoms of the second factor's other axis. */
function relateProduct(c: ChannelContext, axis: number, inAxis: number, outAxis: number): Int32Array | undefined {
  const x = c.atoms(0, axis);
  c.unify(x, c.atoms(1, inAxis), c.reasonOf(x === undefined ? 0 : 1));
  c.role(1, inAxis, 'input');
  c.role(1, outAxis, 'output');
  c.consume(0, axis);
  return c.atoms(1, outAxis);
}

export const matmuls = {
  Gemm: gemm,
  MatMul: matmul,
  Einsum: 'opaque',
  MatMulInteger: 'opaque',
  QLinearMatMul: 'opaque',
} as const;
