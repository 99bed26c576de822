/** Matrix products with constant weights: small ones as one whose weights are zero between the parts, others in groups. */
import { getFloat, getInt, Tensor } from '../../../graph/index.ts';
import type { GroupRule, GroupStep } from '../group-step.ts';
import { blocks, inARow, isBlocked, repeated, spread } from '../layout.ts';
import type { MergedValue } from '../merge-writer.ts';
import { grouped } from './convolution.ts';

/** Weights of one product, zeros among them: that many are read in microseconds. */
const MOST_WEIGHTS = 1 << 17;

export const gemm: GroupRule = (step) => {
  step.requireSameAttributes();
  if (getInt(step.node, 'transA', 0) !== 0) return step.unlike('its input is transposed');
  const alpha = getFloat(step.node, 'alpha', 1);
  const beta = getFloat(step.node, 'beta', 1);
  const isTransposed = getInt(step.node, 'transB', 0) !== 0;
  const weights = step.weights(1).map((weight) => scaled(isTransposed ? weight : transposed(weight), alpha));
  const hasBias = step.nodes.some(({ inputs }) => (inputs[2] ?? '') !== '');
  const biases = hasBias
    ? step.weights(2).map((bias, part) => vector(step, scaled(bias, beta), weights[part]?.dims[0] ?? 0))
    : undefined;
  return product(step, weights, biases);
};

export const matMul: GroupRule = (step) => {
  const weights = step.weights(1);
  const isPlain = weights.every(({ dims }) => dims.length === 2) && step.dims(0).every(({ length }) => length === 2);
  return isPlain
    ? product(step, weights.map(transposed), undefined)
    : step.unlike('it is no product of rows and a matrix');
};

/** @param weights [out, in] of each part; biases [out] */
function product(step: GroupStep, weights: readonly Tensor[], biases: readonly Tensor[] | undefined): MergedValue {
  const value = step.value(0);
  const outs = weights.map(({ dims: [out = 0] }) => out);
  const columns = value.layout?.total ?? weights[0]?.dims[1] ?? 0;
  const layout = inARow(outs);
  if (value.layout === undefined || layout.total * columns <= MOST_WEIGHTS) {
    const { writer, base } = step;
    const wide = weights.map((weight, part) => {
      const positions = value.layout?.positions[part];
      return positions === undefined ? weight : spread([weight], 1, { total: columns, positions: [positions] });
    });
    // Before operator set 11 a Gemm has to add something.
    const added = biases ?? outs.map((out) => Tensor.float32([out], new Float32Array(out)));
    const inputs = [
      value.name,
      writer.constant(`${base}.weight`, spread(wide, 0, layout)),
      writer.constant(`${base}.bias`, spread(added, 0, layout)),
    ];
    return { name: writer.op('Gemm', inputs, { transB: 1 }, base), layout };
  }
  return inGroups(step, value, weights, biases);
}

/** A product of each part alone is a convolution of maps of one place, in groups. */
function inGroups(
  step: GroupStep,
  value: MergedValue,
  weights: readonly Tensor[],
  biases: readonly Tensor[] | undefined,
): MergedValue {
  const { writer, base } = step;
  const widths = weights.map(({ dims: [, width = 0] }) => width);
  const layout = value.layout !== undefined && isBlocked(value.layout) ? value.layout : blocks(widths);
  const rows = step.relaid(value, layout);
  const shape = writer.constant(`${base}.shape`, Tensor.int64s([0, layout.total, 1, 1]));
  const maps = writer.op('Reshape', [rows, shape], {}, `${base}.maps`);
  const kernels = weights.map((weight) => weight.reshaped([...weight.dims, 1, 1]));
  const convolved = grouped(step, { name: maps, layout }, kernels, biases);
  const flat = writer.op('Flatten', [convolved.name], { axis: 1 }, `${base}.rows`);
  return { name: flat, layout: repeated(convolved.layout ?? layout, 1) };
}

function transposed(tensor: Tensor): Tensor {
  const [rows = 0, columns = 0] = tensor.dims;
  const source = tensor.float32s();
  const made = Float32Array.from({ length: source.length }, (_, i) => {
    const [column, row] = [Math.floor(i / rows), i % rows];
    return source[row * columns + column] as number;
  });
  return Tensor.float32([columns, rows], made);
}

function scaled(tensor: Tensor, factor: number): Tensor {
  return factor === 1
    ? tensor
    : Tensor.float32(
        tensor.dims,
        tensor.float32s().map((value) => value * factor),
      );
}

/** A bias of any shape that is the same for every row of the input, as [out]. */
function vector(step: GroupStep, bias: Tensor, out: number): Tensor {
  if (bias.size === out && (bias.dims.at(-1) ?? 1) === out) return bias.reshaped([out]);
  if (bias.size === 1) return Tensor.float32([out], new Float32Array(out).fill(bias.float32s()[0] as number));
  return step.unlike('its bias is another for each image');
}
