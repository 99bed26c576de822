/** Seeded random inputs and attributes of operators, for the tests of the rules in ops/. */
import type { Random } from '../src/base/index.ts';
import { type AttributeLike, Tensor } from '../src/graph/index.ts';
import type { OpType } from '../src/ops/index.ts';
import { DTYPES, elementCount } from '../src/tensor/index.ts';

export interface Case {
  /** Shapes of inputs that are fed, or constants; null for an absent one. */
  readonly inputs: readonly (readonly number[] | Tensor | null)[];
  readonly attributes?: Readonly<Record<string, AttributeLike | undefined>>;
  readonly outputs?: number;
}

export type Draw = (r: Random) => Case;

const upTo = (r: Random, high: number, low = 1) => low + r.integer(high - low + 1);
const sizes = (r: Random, rank: number, high = 5) => Array.from({ length: rank }, () => upTo(r, high));
const maybe = <T>(r: Random, value: T): T | undefined => (r.integer(2) === 0 ? value : undefined);
const ints = (values: readonly number[]) => Tensor.int64s(values);
const bools = (shape: readonly number[], r: Random) =>
  Tensor.of(
    'bool',
    shape,
    Array.from({ length: elementCount(shape) }, () => r.integer(2)),
  );
const wholes = (shape: readonly number[], r: Random) =>
  Tensor.of(
    'int64',
    shape,
    Array.from({ length: elementCount(shape) }, () => r.integer(21) - 10),
  );
const reals = (shape: readonly number[], r: Random) =>
  Tensor.of(
    'float32',
    shape,
    Array.from({ length: elementCount(shape) }, () => r.normal()),
  );
const axisOf = (r: Random, rank: number) => r.integer(2 * rank) - rank;
const someAxes = (r: Random, rank: number) =>
  r
    .shuffle(Array.from({ length: rank }, (_, axis) => axis))
    .slice(0, upTo(r, rank))
    .map((axis) => (r.integer(2) === 0 ? axis : axis - rank));

/** Shapes that broadcast to one another. */
function broadcastable(r: Random, count: number): number[][] {
  const full = sizes(r, upTo(r, 4), 4);
  return Array.from({ length: count }, () =>
    full.slice(r.integer(full.length + 1)).map((dim) => (r.integer(3) === 0 ? 1 : dim)),
  );
}

function windowAttributes(r: Random, rank: number, pool: boolean): Record<string, AttributeLike | undefined> {
  const autoPad = r.pick(['NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID']);
  const kernel = sizes(r, rank, 4);
  return {
    kernel_shape: kernel,
    strides: maybe(r, sizes(r, rank, 3)),
    dilations: autoPad.startsWith('SAME') ? undefined : maybe(r, sizes(r, rank, 2)),
    auto_pad: autoPad,
    pads: autoPad === 'NOTSET' ? [...kernel, ...kernel].map((size) => r.integer(size)) : undefined,
    ceil_mode: pool ? r.integer(2) : undefined,
  };
}

const pool: Draw = (r) => {
  const rank = upTo(r, 2);
  return { inputs: [[1, 2, ...sizes(r, rank, 12)]], attributes: windowAttributes(r, rank, true) };
};

const conv: Draw = (r) => {
  const [rank, group, per] = [upTo(r, 2), upTo(r, 2), upTo(r, 2)];
  const attributes = windowAttributes(r, rank, false);
  const weight = [group * upTo(r, 2), per, ...(attributes.kernel_shape as number[])];
  const bias = r.integer(2) === 0 ? [] : [[weight[0] ?? 1]];
  return {
    inputs: [[upTo(r, 2), group * per, ...sizes(r, rank, 12)], weight, ...bias],
    attributes: { ...attributes, group },
  };
};

const convTranspose: Draw = (r) => {
  const [rank, group] = [upTo(r, 2), upTo(r, 2)];
  const { ceil_mode: _, ...attributes } = windowAttributes(r, rank, false);
  const strides = sizes(r, rank, 3);
  const inChannels = group * upTo(r, 2);
  return {
    inputs: [
      [1, inChannels, ...sizes(r, rank, 6)],
      [inChannels, upTo(r, 2), ...(attributes.kernel_shape as number[])],
    ],
    attributes: {
      ...attributes,
      strides,
      group,
      output_padding: maybe(
        r,
        strides.map((stride) => r.integer(stride)),
      ),
    },
  };
};

const elementwise =
  (count: number, constant: (shape: readonly number[], r: Random) => Tensor): Draw =>
  (r) => ({ inputs: broadcastable(r, count).map((shape) => (r.integer(3) > 0 ? constant(shape, r) : shape)) });

/** All operands constant, so that the value is compared too. */
const constants =
  (count: number, constant: (shape: readonly number[], r: Random) => Tensor): Draw =>
  (r) => ({ inputs: broadcastable(r, count).map((shape) => constant(shape, r)) });

const reduce: Draw = (r) => {
  const rank = upTo(r, 4);
  const axes = r.integer(4) === 0 ? null : ints(someAxes(r, rank));
  const x = r.integer(2) === 0 ? wholes(sizes(r, rank), r) : sizes(r, rank);
  return { inputs: [x, axes], attributes: { keepdims: r.integer(2), noop_with_empty_axes: r.integer(2) } };
};

/** How to draw a case of each operator. Some draws do not fit together; the engine refuses those. */
export const OP_CASES: Partial<Record<OpType, Draw>> = {
  Conv: conv,
  ConvTranspose: convTranspose,
  MaxPool: pool,
  AveragePool: pool,
  LpPool: pool,
  Gemm: (r) => {
    const [m, k, n] = sizes(r, 3) as [number, number, number];
    const [transA, transB] = [r.integer(2), r.integer(2)];
    const bias = r.pick([null, [n], [m, n], [1, n], [m, 1], []]);
    return { inputs: [transA ? [k, m] : [m, k], transB ? [n, k] : [k, n], bias], attributes: { transA, transB } };
  },
  MatMul: (r) => {
    const [m, k, n] = sizes(r, 3) as [number, number, number];
    const [a, b] = broadcastable(r, 2) as [number[], number[]];
    return { inputs: [r.integer(4) === 0 ? [k] : [...a, m, k], r.integer(4) === 0 ? [k] : [...b, k, n]] };
  },
  Einsum: (r) => {
    const [b, i, j, k] = sizes(r, 4) as [number, number, number, number];
    const [equation, ...inputs] = r.pick([
      ['bij,bjk->bik', [b, i, j], [b, j, k]],
      ['ij,jk', [i, j], [j, k]],
      ['bij->bji', [b, i, j]],
      ['i,j->ij', [i], [j]],
    ] as [string, ...number[][]][]);
    return { inputs, attributes: { equation } };
  },
  Add: constants(2, wholes),
  Sub: constants(2, reals),
  Mul: constants(2, reals),
  Div: constants(2, reals),
  Mod: (r) => {
    const [a, b] = broadcastable(r, 2) as [number[], number[]];
    const divisor =
      wholes(b, r)
        .elements()
        ?.map((x) => (x === 0 ? 3 : x)) ?? [];
    return { inputs: [wholes(a, r), Tensor.of('int64', b, divisor)] };
  },
  Max: constants(3, reals),
  Min: constants(2, wholes),
  Sum: constants(2, reals),
  Mean: elementwise(3, reals),
  Pow: (r) => ({ inputs: [wholes(sizes(r, 2), r), Tensor.scalar('int64', r.integer(4))] }),
  Equal: constants(2, wholes),
  Less: constants(2, reals),
  GreaterOrEqual: constants(2, wholes),
  And: constants(2, bools),
  Or: constants(2, bools),
  Not: constants(1, bools),
  Xor: constants(2, bools),
  Abs: constants(1, wholes),
  Neg: constants(1, reals),
  Floor: constants(1, reals),
  Ceil: constants(1, reals),
  Sqrt: constants(1, (shape, r) =>
    Tensor.of(
      'float32',
      shape,
      (reals(shape, r).elements() ?? []).map((x) => Math.abs(Number(x))),
    ),
  ),
  Reciprocal: constants(1, reals),
  Sign: constants(1, reals),
  Round: constants(1, (shape, r) =>
    Tensor.of(
      'float32',
      shape,
      (wholes(shape, r).elements() ?? []).map((x) => Number(x) / 2),
    ),
  ),
  Where: (r) => {
    const [condition, a, b] = broadcastable(r, 3) as [number[], number[], number[]];
    return { inputs: [bools(condition, r), reals(a, r), reals(b, r)] };
  },
  PRelu: (r) => {
    const shape = sizes(r, 4);
    return { inputs: [shape, [shape[1] ?? 1, 1, 1]] };
  },
  ReduceSum: reduce,
  ReduceMax: reduce,
  ReduceMin: reduce,
  ReduceProd: reduce,
  ReduceMean: reduce,
  ArgMax: (r) => {
    const rank = upTo(r, 4);
    return { inputs: [sizes(r, rank)], attributes: { axis: axisOf(r, rank), keepdims: r.integer(2) } };
  },
  TopK: (r) => {
    const dims = sizes(r, upTo(r, 3));
    const axis = axisOf(r, dims.length);
    return { inputs: [dims, ints([upTo(r, dims.at(axis) ?? 1)])], attributes: { axis }, outputs: 2 };
  },
  Softmax: (r) => {
    const rank = upTo(r, 4);
    return { inputs: [sizes(r, rank)], attributes: { axis: axisOf(r, rank) } };
  },
  LayerNormalization: (r) => {
    const dims = sizes(r, upTo(r, 4));
    const axis = axisOf(r, dims.length);
    return { inputs: [dims, dims.slice(axis)], attributes: { axis }, outputs: 3 };
  },
  Concat: (r) => {
    const dims = sizes(r, upTo(r, 3));
    const axis = axisOf(r, dims.length);
    const part = () => dims.map((dim, i) => (i === (axis + dims.length) % dims.length ? upTo(r, 3) : dim));
    return { inputs: Array.from({ length: upTo(r, 3) }, () => wholes(part(), r)), attributes: { axis } };
  },
  Split: (r) => {
    const parts = sizes(r, upTo(r, 3));
    const dims = sizes(r, 3);
    const axis = r.integer(3);
    const total = parts.reduce((sum, part) => sum + part, 0);
    const whole = wholes(
      dims.map((dim, i) => (i === axis ? total : dim)),
      r,
    );
    const given = r.integer(2) === 0;
    return {
      inputs: [whole, given ? ints(parts) : null],
      attributes: { axis, num_outputs: given ? undefined : parts.length },
      outputs: parts.length,
    };
  },
  Slice: (r) => {
    const dims = sizes(r, upTo(r, 3), 7);
    const axes = someAxes(r, dims.length);
    const bound = () => r.pick([r.integer(20) - 10, r.integer(8), 2 ** 31 - 1, -(2 ** 31)]);
    const list = () => ints(axes.map(bound));
    const steps = ints(axes.map(() => r.pick([1, 1, 2, 3, -1, -2])));
    return { inputs: [wholes(dims, r), list(), list(), ints(axes), r.integer(3) === 0 ? null : steps] };
  },
  Transpose: (r) => {
    const dims = sizes(r, upTo(r, 4));
    return { inputs: [wholes(dims, r)], attributes: { perm: maybe(r, r.shuffle(dims.map((_, axis) => axis))) } };
  },
  Pad: (r) => {
    const dims = sizes(r, upTo(r, 4), 6);
    const pads = [...dims, ...dims].map(() => r.integer(4) - 1);
    return { inputs: [dims, ints(pads)] };
  },
  Expand: (r) => {
    const [from, to] = broadcastable(r, 2) as [number[], number[]];
    return { inputs: [wholes(from, r), ints(to)] };
  },
  Tile: (r) => {
    const dims = sizes(r, upTo(r, 4));
    return { inputs: [dims, ints(dims.map(() => upTo(r, 3)))] };
  },
  DepthToSpace: (r) => {
    const [n, c, h, w] = sizes(r, 4, 3) as [number, number, number, number];
    return { inputs: [[n, 4 * c, h, w]], attributes: { blocksize: 2 } };
  },
  SpaceToDepth: (r) => {
    const [n, c, h, w] = sizes(r, 4, 3) as [number, number, number, number];
    return { inputs: [[n, c, 3 * h, 3 * w]], attributes: { blocksize: 3 } };
  },
  Flatten: (r) => {
    const dims = sizes(r, upTo(r, 4));
    return { inputs: [dims], attributes: { axis: r.integer(2 * dims.length + 1) - dims.length } };
  },
  Reshape: (r) => {
    const dims = sizes(r, 4);
    const target = r.pick([
      [0, -1],
      [-1],
      [0, 0, -1],
      [dims[0] ?? 1, -1, 1],
      [-1, dims[3] ?? 1],
      [0, 0, 0, 0],
      [1, -1, 0],
    ]);
    return { inputs: [wholes(dims, r), ints(target)] };
  },
  Squeeze: (r) => {
    const dims = sizes(r, 4, 3);
    const ones = dims.flatMap((dim, axis) => (dim === 1 ? [r.pick([axis, axis - 4])] : []));
    return { inputs: [wholes(dims, r), r.integer(3) === 0 ? null : ints(ones)] };
  },
  Unsqueeze: (r) => ({ inputs: [wholes(sizes(r, 2), r), ints(r.pick([[0], [-1], [1, 2], [3, 0], [-2, 0]]))] }),
  Gather: (r) => {
    const dims = sizes(r, upTo(r, 3));
    const axis = axisOf(r, dims.length);
    const size = dims.at(axis) ?? 1;
    const shape = sizes(r, r.integer(3), 3);
    const indices = Array.from({ length: elementCount(shape) }, () => r.integer(2 * size) - size);
    return { inputs: [wholes(dims, r), Tensor.of('int64', shape, indices)], attributes: { axis } };
  },
  GatherND: (r) => {
    const dims = sizes(r, upTo(r, 4), 3);
    const depth = upTo(r, dims.length);
    return { inputs: [dims, Tensor.of('int64', [2, 3, depth], new Array(6 * depth).fill(0))] };
  },
  OneHot: (r) => {
    const dims = sizes(r, upTo(r, 3));
    const indices = Tensor.of('int64', dims, new Array(elementCount(dims)).fill(1));
    return { inputs: [indices, ints([upTo(r, 5)]), reals([2], r)], attributes: { axis: r.integer(dims.length + 1) } };
  },
  Shape: (r) => ({
    inputs: [sizes(r, 4)],
    attributes: { start: maybe(r, r.integer(10) - 5), end: maybe(r, r.integer(10) - 5) },
  }),
  Size: (r) => ({ inputs: [sizes(r, 3)] }),
  ConstantOfShape: (r) => ({
    inputs: [ints(sizes(r, r.integer(4)))],
    attributes: { value: Tensor.of('int64', [1], [7]) },
  }),
  Range: (r) => ({
    inputs: [r.integer(10), r.integer(20) - 5, r.pick([1, 2, 3, -1, -4])].map((x) => Tensor.scalar('int64', x)),
  }),
  Cast: (r) => ({
    inputs: [r.integer(2) === 0 ? wholes(sizes(r, 2), r) : reals(sizes(r, 2), r)],
    attributes: { to: DTYPES[r.pick(['int64', 'float32', 'bool', 'int32', 'float64'] as const)].onnx },
  }),
  Resize: (r) => {
    const dims = [1, 2, ...sizes(r, 2, 9)];
    const scales = [1, 1, ...dims.slice(2).map(() => r.pick([0.5, 0.6, 1.5, 2, 3, 0.3333]))];
    const targets = [1, 2, ...sizes(r, 2, 12)];
    if (r.integer(2) === 0)
      return { inputs: [dims, null, Tensor.of('float32', [4], scales)], attributes: { mode: 'nearest' } };
    const policy = maybe(r, r.pick(['stretch', 'not_larger', 'not_smaller']));
    const partly = r.integer(2) === 0 || policy !== undefined;
    return {
      inputs: [dims, null, null, ints(partly ? targets.slice(2) : targets)],
      attributes: { mode: 'linear', axes: partly ? [2, 3] : undefined, keep_aspect_ratio_policy: policy },
    };
  },
  QuantizeLinear: (r) => ({
    inputs: [sizes(r, 3), Tensor.scalar('float32', 0.5), r.pick([null, Tensor.scalar('int8', 3)])],
  }),
  DynamicQuantizeLinear: (r) => ({ inputs: [sizes(r, 3)], outputs: 3 }),
  NonZero: (r) => ({ inputs: [sizes(r, 3)] }),
};
