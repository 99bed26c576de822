/** Operators that move elements without changing them. */
import type { Dim } from '../graph/index.ts';
import { formatShape } from '../tensor/index.ts';
import { broadcast, type Dims, isKnown, productOf, sumOf } from './dims.ts';
import {
  broadcastPosition,
  type Element,
  type KnownValue,
  LARGEST_KNOWN,
  rearranged,
  stridesOf,
} from './known-value.ts';
import type { OpContext } from './op-context.ts';
import { type OpRule, rule, typed } from './op-rule.ts';

/** The elements of an input that holds a shape, as dimensions; undefined if not even their number is known. */
export function dimsFromInput(op: OpContext, i: number): Dim[] | undefined {
  const value = op.value(i);
  if (value !== undefined) return value.elements.map((dim) => (typeof dim === 'bigint' ? undefined : dim));
  const count = op.dims(i)?.[0];
  return typeof count === 'number' ? Array.from({ length: count }, () => undefined) : undefined;
}

function concatDims(op: OpContext): Dims | undefined {
  const shapes = op.node.inputs.map((_, i) => op.dims(i));
  const first = shapes.find((dims) => dims !== undefined);
  if (first === undefined) return undefined;
  const axis = op.axisOf(op.int('axis', 0), first.length);
  const result: Dim[] = [...first];
  for (const dims of shapes) {
    if (dims === undefined) continue;
    if (dims.length !== first.length) op.fail(`${formatShape(first)} and ${formatShape(dims)} differ in rank`);
    for (const [i, dim] of dims.entries()) if (i !== axis) result[i] = op.same(result[i], dim, `dimensions ${i}`);
  }
  result[axis] = shapes.some((dims) => dims === undefined) ? undefined : sumOf(shapes.map((dims) => dims?.[axis]));
  return result;
}

function concatValues(op: OpContext): readonly (KnownValue | undefined)[] {
  const values: KnownValue[] = [];
  for (const [i] of op.node.inputs.entries()) {
    const value = op.value(i);
    if (value === undefined) return [];
    values.push(value);
  }
  const first = values[0];
  if (first === undefined || values.reduce((sum, { elements }) => sum + elements.length, 0) > LARGEST_KNOWN) return [];
  const axis = op.axisOf(op.int('axis', 0), first.dims.length);
  const outer = first.dims.slice(0, axis).reduce((product, dim) => product * dim, 1);
  const elements: Element[] = [];
  for (let i = 0; i < outer; i++) {
    for (const value of values) {
      const run = value.elements.length / outer;
      elements.push(...value.elements.slice(i * run, (i + 1) * run));
    }
  }
  const total = values.reduce((sum, value) => sum + (value.dims[axis] ?? 0), 0);
  return [{ dtype: first.dtype, dims: first.dims.map((dim, i) => (i === axis ? total : dim)), elements }];
}

/** Sizes of the parts along the axis; undefined where they are not known. */
function splitSizes(op: OpContext, size: Dim): Dims {
  const parts = op.node.outputs.length;
  const given = op.has(1) ? dimsFromInput(op, 1) : op.ints('split');
  if (op.has(1) && given === undefined) return Array.from({ length: parts }, () => undefined);
  if (given !== undefined) {
    if (given.length !== parts) op.fail(`${parts} outputs need as many sizes, received ${given.length}`);
    const sum = sumOf(given);
    if (isKnown(given) && typeof size === 'number' && sum !== size)
      op.fail(`parts of ${sum} in all must add up to ${size}`);
    return given;
  }
  if (typeof size !== 'number') return Array.from({ length: parts }, () => (parts === 1 ? size : undefined));
  const part = Math.ceil(size / parts);
  return Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(part, size - i * part)));
}

function split(op: OpContext): { axis: number; sizes: Dims; dims: Dims } | undefined {
  const dims = op.dims(0);
  if (dims === undefined) return undefined;
  const axis = op.axisOf(op.int('axis', 0), dims.length);
  return { axis, sizes: splitSizes(op, dims[axis]), dims };
}

export interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** What a Slice takes along each axis that it cuts; undefined where an input is not known. */
export function cuts(op: OpContext, rank: number): Cut[] | undefined {
  const list = (i: number, name: string): number[] | undefined => (op.has(i) ? op.numbers(i) : op.ints(name));
  const [starts, ends] = [list(1, 'starts'), list(2, 'ends')];
  if (starts === undefined || ends === undefined) return undefined;
  const axes = op.has(3) || op.ints('axes') !== undefined ? list(3, 'axes') : starts.map((_, i) => i);
  const steps = op.has(4) ? op.numbers(4) : starts.map(() => 1);
  if (axes === undefined || steps === undefined) return undefined;
  return axes.map((axis, i) => {
    const step = steps[i] ?? 1;
    if (step === 0) op.fail('a step of 0');
    return { axis: op.axisOf(axis, rank), start: starts[i] ?? 0, end: ends[i] ?? 0, step };
  });
}

/** First index and count of a cut along an axis of `size` (NumPy's rules). */
export function cutAlong(cut: Cut, size: number): { first: number; count: number } {
  const bound = (at: number, low: number, high: number): number =>
    Math.min(high, Math.max(low, at < 0 ? at + size : at));
  const [low, high] = cut.step > 0 ? [0, size] : [-1, size - 1];
  const first = bound(cut.start, 0, high);
  // The largest integers mean "as far as it goes", as in the engine, also backwards.
  const open = cut.end === 2 ** 31 - 1 || cut.end >= 2 ** 63;
  const end = open ? (cut.step > 0 ? size : -1) : bound(cut.end, low, high);
  return { first, count: Math.max(0, Math.ceil((end - first) / cut.step)) };
}

const slice: OpRule = rule(
  (op) => {
    const x = op.dims(0);
    if (x === undefined) return [typed(op.dtype(0), undefined)];
    const all = cuts(op, x.length);
    const named = op.has(3) ? op.numbers(3) : undefined;
    const dims = x.map((dim, axis) => {
      if (all === undefined)
        return named !== undefined && !named.some((each) => op.axisOf(each, x.length) === axis) ? dim : undefined;
      const cut = all.find((each) => each.axis === axis);
      if (cut === undefined) return dim;
      if (typeof dim === 'number') return cutAlong(cut, dim).count;
      return cut.start === 0 && cut.step === 1 && cut.end >= 2 ** 31 - 1 ? dim : undefined;
    });
    return [typed(op.dtype(0), dims)];
  },
  {
    evaluate: (op) => {
      const value = op.value(0);
      const all = value && cuts(op, value.dims.length);
      if (value === undefined || all === undefined) return [];
      const taken = value.dims.map((size, axis) => {
        const cut = all.find((each) => each.axis === axis);
        return cut === undefined ? { first: 0, count: size, step: 1 } : { ...cutAlong(cut, size), step: cut.step };
      });
      const strides = stridesOf(value.dims);
      const dims = taken.map(({ count }) => count);
      return [
        rearranged(value, dims, (index) =>
          taken.reduce(
            (sum, { first, step }, axis) => sum + (first + (index[axis] ?? 0) * step) * (strides[axis] ?? 0),
            0,
          ),
        ),
      ];
    },
  },
);

function permutation(op: OpContext, rank: number): number[] {
  const perm = op.ints('perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  if (perm.length !== rank || new Set(perm).size !== rank) op.fail(`perm [${perm.join(',')}] must order ${rank} axes`);
  return perm.map((axis) => op.axisOf(axis, rank));
}

const transpose = rule(
  (op) => {
    const x = op.dims(0);
    return [typed(op.dtype(0), x && permutation(op, x.length).map((axis) => x[axis]))];
  },
  {
    evaluate: (op) => {
      const value = op.value(0);
      if (value === undefined) return [];
      const perm = permutation(op, value.dims.length);
      const strides = stridesOf(value.dims);
      const dims = perm.map((axis) => value.dims[axis] ?? 1);
      return [
        rearranged(value, dims, (index) =>
          perm.reduce((sum, axis, i) => sum + (index[i] ?? 0) * (strides[axis] ?? 0), 0),
        ),
      ];
    },
  },
);

function paddedDims(op: OpContext): Dims | undefined {
  const x = op.dims(0);
  if (x === undefined) return undefined;
  const pads = op.has(1) ? op.numbers(1) : op.ints('pads');
  const axes = op.has(3) ? op.numbers(3)?.map((axis) => op.axisOf(axis, x.length)) : x.map((_, axis) => axis);
  if (pads === undefined || axes === undefined) return x.map(() => undefined);
  if (pads.length !== 2 * axes.length)
    op.fail(`${axes.length} axes need ${2 * axes.length} pads, received ${pads.length}`);
  return x.map((dim, axis) => {
    const at = axes.indexOf(axis);
    const extra = at < 0 ? 0 : (pads[at] ?? 0) + (pads[at + axes.length] ?? 0);
    if (extra === 0) return dim;
    return typeof dim === 'number' ? dim + extra : undefined;
  });
}

const expand = rule(
  (op) => {
    const target = dimsFromInput(op, 1);
    const dims = broadcast([op.dims(0), target]);
    if (dims === null) op.fail(`${formatShape(op.dims(0) ?? [])} does not broadcast to ${formatShape(target ?? [])}`);
    return [typed(op.dtype(0), dims ?? undefined)];
  },
  {
    evaluate: (op) => {
      const value = op.value(0);
      const dims = value && broadcast([value.dims, dimsFromInput(op, 1)]);
      if (value === undefined || !dims || !isKnown(dims)) return [];
      const strides = stridesOf(value.dims);
      return [rearranged(value, dims, (index) => broadcastPosition(index, value.dims, strides))];
    },
  },
);

/** DepthToSpace and SpaceToDepth: `factor` is how channels change for each b² of the area. */
function blocks(direction: 'to-space' | 'to-depth'): OpRule {
  return rule((op) => {
    op.requireRank(0, 4, true);
    const x = op.dims(0);
    const size = op.int('blocksize', 1);
    if (x === undefined) return [typed(op.dtype(0), undefined)];
    const times = (dim: Dim, factor: number): Dim => (typeof dim === 'number' ? dim * factor : undefined);
    const over = (dim: Dim, factor: number): Dim => {
      if (typeof dim !== 'number') return undefined;
      return dim % factor === 0 ? dim / factor : op.fail(`${formatShape(x)} must divide into blocks of ${size}`);
    };
    const [n, c, h, w] = x;
    const dims =
      direction === 'to-space'
        ? [n, over(c, size * size), times(h, size), times(w, size)]
        : [n, times(c, size * size), over(h, size), over(w, size)];
    return [typed(op.dtype(0), dims)];
  });
}

export const movement = {
  Concat: rule((op) => [typed(op.dtype(0), concatDims(op))], { evaluate: concatValues }),
  Split: rule(
    (op) => {
      const cut = split(op);
      return op.node.outputs.map((_, part) =>
        typed(
          op.dtype(0),
          cut?.dims.map((dim, axis) => (axis === cut.axis ? cut.sizes[part] : dim)),
        ),
      );
    },
    {
      evaluate: (op) => {
        const value = op.value(0);
        const cut = split(op);
        const sizes = cut?.sizes ?? [];
        if (value === undefined || cut === undefined || !isKnown(sizes)) return [];
        const { axis } = cut;
        const strides = stridesOf(value.dims);
        let begin = 0;
        return sizes.map((size) => {
          const offset = begin * (strides[axis] ?? 1);
          begin += size;
          const dims = value.dims.map((dim, i) => (i === axis ? size : dim));
          return rearranged(value, dims, (index) => index.reduce((sum, at, i) => sum + at * (strides[i] ?? 0), offset));
        });
      },
    },
  ),
  Slice: slice,
  Pad: rule((op) => [typed(op.dtype(0), paddedDims(op))], { settings: [1, 2, 3] }),
  Transpose: transpose,
  Expand: expand,
  Tile: rule((op) => {
    const [x, repeats] = [op.dims(0), dimsFromInput(op, 1)];
    return [
      typed(
        op.dtype(0),
        x?.map((dim, axis) => productOf([dim, repeats?.[axis]])),
      ),
    ];
  }),
  DepthToSpace: blocks('to-space'),
  SpaceToDepth: blocks('to-depth'),
};
