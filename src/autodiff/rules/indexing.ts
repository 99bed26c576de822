/**
 * Gradients of what picks elements by index: they are added up where they were picked. Where the indices are known and
 * each place is picked once, that is a copy; else ScatterElements, which adds from operator set 16 on.
 */
import { Tensor } from '../../graph/index.ts';
import type { GradientContext, GradientRule } from '../gradient-rule.ts';

const gather: GradientRule = (g) => {
  const { t, op } = g;
  const [x, indices] = [g.x(0), g.x(1)];
  const axis = op.axisOf(op.int('axis', 0), t.rank(x));
  const dy = withOneIndexAxis(g, axis);
  const [size, known] = [t.dims(x)[axis], op.numbers(1)];
  if (known !== undefined && typeof size === 'number') {
    const places = known.map((index) => (index < 0 ? index + size : index));
    if (new Set(places).size === places.length) return [placed(g, dy, axis, places, size)];
  }
  const flat = t.rank(indices) === 1 ? indices : t.reshape(indices, [-1]);
  if (t.writer.opset < 16) {
    const oneHot = t.op('OneHot', [flat, t.int64s([t.size(x, axis)]), t.writer.constant(onOff(g))], { axis: -1 });
    return [t.alongAxis(dy, axis, oneHot)];
  }
  const behind = t.rank(dy) - axis - 1;
  const column = behind === 0 ? flat : t.reshape(flat, [-1, ...new Array<number>(behind).fill(1)]);
  return [addedAt(g, axis, t.op('Expand', [column, t.shapeOf(dy)]), dy)];
};

/** dy with the axes of the indices as one. */
function withOneIndexAxis({ t, dy, x }: GradientContext, axis: number): string {
  const rank = t.rank(x(1));
  if (rank === 1) return dy;
  if (rank === 0) return t.unsqueeze(dy, [axis]);
  const dims = t.dims(dy);
  const indices = dims.slice(axis, axis + rank);
  const count = indices.reduce<number | undefined>(
    (product, dim) => (typeof dim === 'number' && product !== undefined ? product * dim : undefined),
    1,
  );
  return t.reshapeTo(dy, [...dims.slice(0, axis), count, ...dims.slice(axis + rank)]);
}

/** Element i along the axis at places[i], zeros elsewhere. */
function placed({ t }: GradientContext, dy: string, axis: number, places: readonly number[], size: number): string {
  const [rank, first] = [t.rank(dy), places[0] ?? 0];
  const missing = places.length < size;
  if (places.every((place, i) => place === first + i)) {
    return t.pad(dy, padsAlong(rank, axis, first, size - first - places.length));
  }
  // What nobody picked takes a zero that stands behind the rest.
  const source = missing ? t.pad(dy, padsAlong(rank, axis, 0, 1)) : dy;
  const from = Array.from({ length: size }, (_, place) => places.indexOf(place));
  return t.op('Gather', [source, t.int64s(from.map((i) => (i < 0 ? places.length : i)))], { axis });
}

function padsAlong(rank: number, axis: number, before: number, after: number): number[] {
  return Array.from({ length: 2 * rank }, (_, i) => (i === axis ? before : i === axis + rank ? after : 0));
}

function onOff({ t, x }: GradientContext): Tensor {
  return Tensor.of(t.dtype(x(0)), [2], [0, 1]);
}

/** Zeros like input 0 with dy added at the indices along the axis. */
function addedAt({ t, x }: GradientContext, axis: number, indices: string, dy: string): string {
  return t.op('ScatterElements', [t.zerosLike(x(0)), indices, dy], { axis, reduction: 'add' });
}

const gatherElements: GradientRule = (g) => {
  const { t, dy, op } = g;
  if (t.writer.opset < 16) t.refuse(`it needs operator set 16, received ${t.writer.opset}; export with a later one`);
  return [addedAt(g, op.axisOf(op.int('axis', 0), t.rank(g.x(0))), g.x(1), dy)];
};

/** What was overwritten has no part any more; what was added to keeps its own. */
const scatter =
  (pick: (g: GradientContext) => string, clear: (g: GradientContext, zeros: string) => string): GradientRule =>
  (g) => {
    const reduction = g.op.string('reduction', 'none');
    if (reduction !== 'none' && reduction !== 'add') g.t.refuse(`its reduction '${reduction}' is not supported`);
    return g.each(
      () => (reduction === 'add' ? g.dy : clear(g, g.t.zerosLike(g.x(2)))),
      undefined,
      () => pick(g),
    );
  };

export const indexing = {
  Gather: gather,
  GatherElements: gatherElements,
  ScatterElements: scatter(
    ({ t, dy, op, x }) => t.op('GatherElements', [dy, x(1)], { axis: op.int('axis', 0) }),
    ({ t, dy, op, x }, zeros) => t.op('ScatterElements', [dy, x(1), zeros], { axis: op.int('axis', 0) }),
  ),
  ScatterND: scatter(
    ({ t, dy, x }) => t.op('GatherND', [dy, x(1)]),
    ({ t, dy, x }, zeros) => t.op('ScatterND', [dy, x(1), zeros]),
  ),
  Compress: 'refused',
  // Adding with ScatterND from several threads, indices that repeat would lose some.
  GatherND: 'refused',
} as const;
