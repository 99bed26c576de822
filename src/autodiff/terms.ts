/** The vocabulary of the gradient rules: arithmetic, reductions and shapes as short calls that write nodes. */
import { SkeinError } from '../base/index.ts';
import { type Dim, describeNode, type Node, Tensor } from '../graph/index.ts';
import { isKnown, ruleOf } from '../ops/index.ts';
import { DTYPES, type DType, formatShape } from '../tensor/index.ts';
import type { Attributes, GraphWriter } from './graph-writer.ts';

export class Terms {
  readonly writer: GraphWriter;
  readonly #node: Pick<Node, 'name' | 'opType' | 'outputs'>;

  /** @param node stands in messages */
  constructor(writer: GraphWriter, node: Pick<Node, 'name' | 'opType' | 'outputs'>) {
    this.writer = writer;
    this.#node = node;
  }

  op(opType: string, inputs: readonly string[], attributes?: Attributes): string {
    return this.writer.op(opType, inputs, attributes);
  }

  add(a: string, b: string): string {
    return this.op('Add', [a, b]);
  }

  sub(a: string, b: string): string {
    return this.op('Sub', [a, b]);
  }

  mul(a: string, b: string): string {
    return this.op('Mul', [a, b]);
  }

  div(a: string, b: string): string {
    return this.op('Div', [a, b]);
  }

  neg(a: string): string {
    return this.op('Neg', [a]);
  }

  /** The sum of at least one value. */
  sum(values: readonly string[]): string {
    const [first, second] = values;
    if (first === undefined) throw new SkeinError('internal', 'A sum needs a value');
    if (second === undefined) return first;
    return values.length === 2 ? this.add(first, second) : this.op('Sum', values);
  }

  /** A number of the type of `like`. */
  scalar(value: number, like: string): string {
    return this.writer.constant(Tensor.scalar(this.dtype(like), value));
  }

  /** x · factor */
  scale(x: string, factor: number): string {
    return factor === 1 ? x : this.mul(x, this.scalar(factor, x));
  }

  int64s(values: readonly number[]): string {
    return this.writer.constant(Tensor.int64s(values));
  }

  cast(x: string, dtype: DType): string {
    return this.writer.dtype(x) === dtype ? x : this.op('Cast', [x], { to: DTYPES[dtype].onnx });
  }

  /** A condition as 0 and 1 of the type of `like`. */
  mask(condition: string, like: string): string {
    return this.cast(condition, this.dtype(like));
  }

  /** `x` where the condition holds, else 0. */
  where(condition: string, x: string): string {
    return this.op('Where', [condition, x, this.scalar(0, x)]);
  }

  /** Σ over `axes`, all unless told. */
  reduceSum(x: string, axes: readonly number[] | undefined, keepdims = true): string {
    if (axes?.length === 0) return x;
    const inputs = axes === undefined ? [x] : [x, this.int64s(axes)];
    return this.op('ReduceSum', inputs, { keepdims });
  }

  /** Mean over `axes`, all unless told. */
  reduceMean(x: string, axes: readonly number[] | undefined, keepdims = true): string {
    if (axes?.length === 0) return x;
    if (this.writer.opset < 18) return this.op('ReduceMean', [x], { axes, keepdims });
    return this.op('ReduceMean', axes === undefined ? [x] : [x, this.int64s(axes)], { keepdims });
  }

  /** `x` with axes of size 1 put in, counted in the result. */
  unsqueeze(x: string, axes: readonly number[]): string {
    return axes.length === 0 ? x : this.op('Unsqueeze', [x, this.int64s(axes)]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return perm.every((axis, i) => axis === i) ? x : this.op('Transpose', [x], { perm });
  }

  /** `dims` as ONNX's Reshape takes them: 0 keeps the input's dimension, −1 is inferred. */
  reshape(x: string, dims: readonly number[]): string {
    return this.op('Reshape', [x, this.int64s(dims)]);
  }

  /**
   * `x` in a shape of which numbers are known. A symbol stays where all before it stays, too; one other is inferred.
   * @throws SkeinError 'unsupported' if more are not known
   */
  reshapeTo(x: string, dims: readonly Dim[]): string {
    const from = this.dims(x);
    const known = dims.map((dim, axis) => {
      if (typeof dim === 'number') return dim;
      return dim !== undefined && from[axis] === dim ? 0 : -1;
    });
    if (known.filter((dim) => dim === -1).length > 1) this.unknown(x, `the shape ${formatShape(from)}`);
    return this.reshape(x, known);
  }

  /** Σⱼ x[…, j, …] · matrix[j, i] along an axis. The last two are multiplied as they lie, another is moved to the end. */
  alongAxis(x: string, axis: number, matrix: string): string {
    const last = this.rank(x) - 1;
    if (axis === last) return this.op('MatMul', [x, matrix]);
    if (axis === last - 1) return this.op('MatMul', [this.transpose(matrix, [1, 0]), x]);
    const swap = Array.from({ length: last + 1 }, (_, i) => (i === axis ? last : i === last ? axis : i));
    return this.transpose(this.op('MatMul', [this.transpose(x, swap), matrix]), swap);
  }

  /** x[…, start:end:step, …] along some axes. */
  slice(x: string, axes: readonly { axis: number; start: number; end: number; step?: number }[]): string {
    const list = (values: readonly number[]): string => this.int64s(values);
    return this.op('Slice', [
      x,
      list(axes.map(({ start }) => start)),
      list(axes.map(({ end }) => end)),
      list(axes.map(({ axis }) => axis)),
      list(axes.map(({ step }) => step ?? 1)),
    ]);
  }

  /** Zeros around: [begin of each axis, end of each axis]. */
  pad(x: string, pads: readonly number[]): string {
    return pads.every((size) => size === 0) ? x : this.op('Pad', [x, this.int64s(pads)]);
  }

  /** [C] as [C, 1, …], so that it broadcasts along the channels of a value [N, C, …] of rank `rank`. */
  perChannel(values: string, rank: number): string {
    return this.reshape(values, [-1, ...Array.from({ length: rank - 2 }, () => 1)]);
  }

  /** The shape of a value as a value: a constant where it is known. */
  shapeOf(value: string): string {
    const dims = this.writer.dims(value);
    return dims !== undefined && isKnown(dims) ? this.int64s(dims) : this.op('Shape', [value]);
  }

  /** `x` in the shape of `like`, which has as many elements. */
  reshapeLike(x: string, like: string): string {
    const [from, to] = [this.writer.dims(x), this.writer.dims(like)];
    if (from !== undefined && to !== undefined && sameDims(from, to)) return x;
    if (to !== undefined && to.filter((dim) => typeof dim !== 'number').length === 1 && !to.includes(0)) {
      return this.reshape(
        x,
        to.map((dim) => (typeof dim === 'number' ? dim : -1)),
      );
    }
    return this.op('Reshape', [x, this.shapeOf(like)], {});
  }

  /** `x` broadcast to the shape of `like`. */
  expandLike(x: string, like: string): string {
    const [from, to] = [this.writer.dims(x), this.writer.dims(like)];
    if (from !== undefined && to !== undefined && sameDims(from, to)) return x;
    return this.op('Expand', [x, this.shapeOf(like)]);
  }

  zerosLike(value: string): string {
    return this.expandLike(this.scalar(0, value), value);
  }

  /**
   * The gradient by something that was broadcast to the shape of `gradient`: summed over the axes along which it was
   * repeated.
   */
  unbroadcast(gradient: string, to: string): string {
    const [from, target] = [this.writer.dims(gradient), this.writer.dims(to)];
    if (from === undefined || target === undefined) return this.#unbroadcastLate(gradient, to);
    if (sameDims(from, target)) return gradient;
    const lead = from.length - target.length;
    // Where a symbol meets another size, only the run shows which of them was 1.
    const unclear = target.some((dim, axis) => typeof dim !== 'number' && dim !== from[axis + lead]);
    if (lead < 0 || unclear) return this.#unbroadcastLate(gradient, to);
    const repeated = from.flatMap((dim, axis) =>
      axis < lead || (target[axis - lead] === 1 && dim !== 1) ? [axis] : [],
    );
    return this.reshapeLike(this.reduceSum(gradient, repeated), to);
  }

  /** The axes to sum over are those along which `to`, with ones put before its shape, is 1. */
  #unbroadcastLate(gradient: string, to: string): string {
    const [shape, rank] = [this.op('Shape', [gradient]), this.op('Size', [this.op('Shape', [to])])];
    const missing = this.op('Reshape', [this.sub(this.op('Size', [shape]), rank), this.int64s([1])]);
    const ones = this.op('Expand', [this.int64s([1]), missing]);
    const aligned = this.op('Concat', [ones, this.shapeOf(to)], { axis: 0 });
    const repeated = this.op('NonZero', [this.op('Equal', [aligned, this.int64s([1])])]);
    const axes = this.op('Squeeze', [repeated, this.int64s([0])]);
    const sum = this.op('ReduceSum', [gradient, axes], { keepdims: 1, noop_with_empty_axes: 1 });
    return this.op('Reshape', [sum, this.shapeOf(to)]);
  }

  dtype(value: string): DType {
    return this.writer.dtype(value) ?? this.unknown(value, 'the type');
  }

  /** The dimensions of a value, each of which may be a symbol. @throws SkeinError 'unsupported' if its rank is not known */
  dims(value: string): readonly Dim[] {
    return this.writer.dims(value) ?? this.unknown(value, 'the shape');
  }

  rank(value: string): number {
    return this.dims(value).length;
  }

  /** The size of an axis. @throws SkeinError 'unsupported' if it is no known number */
  size(value: string, axis: number): number {
    const dims = this.dims(value);
    const size = dims.at(axis);
    return typeof size === 'number' ? size : this.unknown(value, `axis ${axis} of the shape ${formatShape(dims)}`);
  }

  /** @throws SkeinError 'unsupported' that names the node, and the one through which it is not known */
  unknown(value: string, what: string): never {
    const since = this.writer.unknownSince(value);
    if (since !== undefined && ruleOf(since) === undefined) {
      const operator = since.domain === '' ? since.opType : `${since.domain}.${since.opType}`;
      throw new SkeinError(
        'unsupported',
        `Cannot differentiate ${describeNode(since)}: '${operator}' is not an operator that Skein knows, and ${describeNode(this.#node)} needs ${what} of '${value}', which depends on it`,
      );
    }
    const by = since === undefined ? '' : `; ${describeNode(since)} leaves it open`;
    throw new SkeinError(
      'unsupported',
      `Cannot differentiate ${describeNode(this.#node)}: ${what} of '${value}' must be known beforehand${by}`,
    );
  }

  /** @throws SkeinError 'unsupported' that names the node */
  refuse(what: string): never {
    throw new SkeinError('unsupported', `Cannot differentiate ${describeNode(this.#node)}: ${what}`);
  }
}

/** Whether two shapes are the same for certain. */
function sameDims(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((dim, axis) => dim !== undefined && dim === b[axis]);
}
