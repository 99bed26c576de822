/** Matrix products. MACs: output elements × length of the sum. */
import { formatShape } from '../tensor/index.ts';
import { broadcast, type Dims, isKnown } from './dims.ts';
import type { OpContext } from './op-context.ts';
import { rule, typed } from './op-rule.ts';

/** The shape of numpy.matmul(a, b). */
function matmulDims(op: OpContext, a: Dims | undefined, b: Dims | undefined): Dims | undefined {
  if (a === undefined || b === undefined) return undefined;
  if (a.length === 0 || b.length === 0)
    op.fail('a factor of a matrix product must have a dimension, received a scalar');
  // A vector counts as a row on the left and as a column on the right; the axis that this adds is dropped again.
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  op.same(left.at(-1), right.at(-2), 'inner dimensions');
  const batch = broadcast([left.slice(0, -2), right.slice(0, -2)]);
  if (batch === null) return op.fail(`${formatShape(a)} and ${formatShape(b)} do not broadcast`);
  const rows = a.length === 1 ? [] : [left.at(-2)];
  const columns = b.length === 1 ? [] : [right.at(-1)];
  return [...(batch ?? []), ...rows, ...columns];
}

function macsOf(op: OpContext, inner: number | string | undefined): number | undefined {
  const y = op.outputDims(0);
  if (y === undefined || !isKnown(y) || typeof inner !== 'number') return undefined;
  return y.reduce((product, dim) => product * dim, inner);
}

function gemmSides(op: OpContext): { a: Dims | undefined; b: Dims | undefined } {
  const side = (i: number, flag: string): Dims | undefined => {
    op.requireRank(i, 2, true);
    const dims = op.dims(i);
    return dims !== undefined && op.int(flag, 0) !== 0 ? [dims[1], dims[0]] : dims;
  };
  return { a: side(0, 'transA'), b: side(1, 'transB') };
}

/** Einsum without ellipses: the labels of each input, and of the output. */
function einsumLabels(op: OpContext): { inputs: string[]; output: string } | undefined {
  const equation = op.string('equation', '').replaceAll(' ', '');
  if (equation.includes('.')) return undefined;
  const [left = '', right] = equation.split('->');
  const all = left.replaceAll(',', '');
  const once = [...new Set(all)].filter((label) => all.indexOf(label) === all.lastIndexOf(label)).sort();
  return { inputs: left.split(','), output: right ?? once.join('') };
}

function einsumSizes(op: OpContext): Map<string, Dims[number]> | undefined {
  const labels = einsumLabels(op);
  if (labels === undefined) return undefined;
  const sizes = new Map<string, Dims[number]>();
  for (const [i, each] of labels.inputs.entries()) {
    const dims = op.dims(i);
    if (dims === undefined) continue;
    if (dims.length !== each.length) op.fail(`input ${i} is labelled '${each}', received ${formatShape(dims)}`);
    for (const [axis, label] of [...each].entries()) {
      const [known, dim] = [sizes.get(label), dims[axis]];
      if (known === 1 || !sizes.has(label)) sizes.set(label, dim);
      else if (dim !== 1) sizes.set(label, op.same(known, dim, `dimensions '${label}'`));
    }
  }
  return sizes;
}

export const matmul = {
  Gemm: rule(
    (op) => {
      const { a, b } = gemmSides(op);
      if (a !== undefined && b !== undefined) op.same(a[1], b[0], 'inner dimensions');
      const dims = [a?.[0], b?.[1]];
      const bias = op.has(2) ? op.dims(2) : [];
      if (bias !== undefined && broadcast([dims, bias]) === null) {
        op.fail(`the bias ${formatShape(bias)} must broadcast to ${formatShape(dims)}`);
      }
      return [typed(op.dtype(0), dims)];
    },
    { macs: (op) => macsOf(op, gemmSides(op).a?.[1]) },
  ),
  MatMul: rule((op) => [typed(op.dtype(0), matmulDims(op, op.dims(0), op.dims(1)))], {
    macs: (op) => macsOf(op, op.dims(0)?.at(-1)),
  }),
  MatMulInteger: rule((op) => [typed('int32', matmulDims(op, op.dims(0), op.dims(1)))], {
    macs: (op) => macsOf(op, op.dims(0)?.at(-1)),
    settings: [2, 3],
  }),
  QLinearMatMul: rule((op) => [typed(op.dtype(7), matmulDims(op, op.dims(0), op.dims(3)))], {
    macs: (op) => macsOf(op, op.dims(0)?.at(-1)),
    settings: [1, 2, 4, 5, 6, 7],
  }),
  Einsum: rule(
    (op) => {
      const labels = einsumLabels(op);
      const sizes = einsumSizes(op);
      return [typed(op.dtype(0), labels && sizes && [...labels.output].map((label) => sizes.get(label)))];
    },
    {
      macs: (op) => {
        // A single input is only moved or summed.
        if (op.node.inputs.length < 2) return 0;
        const sizes: Dims = [...(einsumSizes(op)?.values() ?? [undefined])];
        return isKnown(sizes) ? sizes.reduce((product, size) => product * size, 1) : undefined;
      },
    },
  ),
};
