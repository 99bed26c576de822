/** Gradients of what moves elements about: each element's goes back to where it came from. */
import { type Cut, cutAlong, cuts } from '../../ops/index.ts';
import type { GradientContext, GradientRule } from '../gradient-rule.ts';
import { padding } from './padding.ts';
import { selection } from './selection.ts';

const reshape: GradientRule = ({ t, dy, x }) => [t.reshapeLike(dy, x(0))];

const transpose: GradientRule = ({ t, dy, op, x }) => {
  const rank = t.rank(x(0));
  const perm = op.ints('perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  return [
    t.transpose(
      dy,
      Array.from(perm, (_, axis) => perm.indexOf(axis)),
    ),
  ];
};

/** What was taken goes back to its places, zeros between and around them. */
const slice: GradientRule = (g) => {
  const { t, op } = g;
  const rank = t.rank(g.x(0));
  const pads = new Array<number>(2 * rank).fill(0);
  let dy = g.dy;
  for (const cut of cuts(op, rank) ?? t.refuse('its bounds must be known beforehand')) {
    if (t.dims(g.x(0))[cut.axis] !== undefined && isWhole(g, cut)) continue;
    const { axis, step } = cut;
    const size = t.size(g.x(0), axis);
    const { first, count } = cutAlong(cut, size);
    if (step === 1) {
      [pads[axis], pads[axis + rank]] = [first, size - first - count];
    } else {
      const places = Array.from({ length: count }, (_, i) => first + i * step);
      dy = t.alongAxis(dy, axis, selection(t, dy, places, size));
    }
  }
  return [t.pad(dy, pads)];
};

/** Whether a cut takes all, which of a symbolic axis only some do for certain. */
function isWhole({ t, x, y }: GradientContext, { axis, step }: Cut): boolean {
  return step === 1 && t.dims(x(0))[axis] === t.dims(y())[axis];
}

const concat: GradientRule = (g) => {
  const { t, dy, op, node } = g;
  const axis = op.axisOf(op.int('axis', 0), t.rank(dy));
  const sizes = node.inputs.map((x) => t.dims(x)[axis]);
  if (sizes.some((size) => typeof size !== 'number')) {
    const each = node.inputs.map((x) => t.slice(t.shapeOf(x), [{ axis: 0, start: axis, end: axis + 1 }]));
    return t.writer.ops('Split', [dy, t.op('Concat', each, { axis: 0 })], { axis }, sizes.length);
  }
  let end = 0;
  return (sizes as number[]).map((size, i) => {
    const start = end;
    end += size;
    return g.needs(i) ? t.slice(dy, [{ axis, start, end }]) : undefined;
  });
};

const split: GradientRule = (g) => {
  const { t, op, node } = g;
  const parts = node.outputs.map((part, i) => g.optionalDy(i) ?? t.zerosLike(part));
  return [t.op('Concat', parts, { axis: op.int('axis', 0) })];
};

const expand: GradientRule = ({ t, dy, x }) => [t.unbroadcast(dy, x(0))];

/** The sum of the copies, each of which is an axis of its own for the while. */
const tile: GradientRule = ({ t, dy, op, x }) => {
  const repeats = op.numbers(1) ?? t.unknown(x(1), 'the value');
  const dims = t.dims(x(0)).flatMap((dim, axis) => (repeats[axis] === 1 ? [dim] : [repeats[axis], dim]));
  const copies = repeats.flatMap((count, axis) =>
    count === 1 ? [] : [axis + repeats.slice(0, axis).filter((before) => before !== 1).length],
  );
  return [t.reduceSum(t.reshapeTo(dy, dims), copies, false)];
};

/** Mode CRD has the channels outermost, where SpaceToDepth has the places in the block. */
const depthToSpace: GradientRule = ({ t, dy, op, x }) => {
  const blocksize = op.int('blocksize', 1);
  const blocks = t.op('SpaceToDepth', [dy], { blocksize });
  if (op.string('mode', 'DCR') === 'DCR') return [blocks];
  const [batch, , ...map] = t.dims(x(0));
  const apart = t.reshapeTo(blocks, [batch, blocksize ** 2, t.size(dy, 1), ...map]);
  return [t.reshapeLike(t.transpose(apart, [0, 2, 1, 3, 4]), x(0))];
};

const spaceToDepth: GradientRule = ({ t, dy, op }) => [
  t.op('DepthToSpace', [dy], { blocksize: op.int('blocksize', 1) }),
];

const trilu: GradientRule = ({ t, dy, op, x }) => [
  t.op('Trilu', op.has(1) ? [dy, x(1)] : [dy], { upper: op.int('upper', 1) }),
];

export const movement = {
  Flatten: reshape,
  Reshape: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Transpose: transpose,
  Pad: padding,
  Slice: slice,
  Concat: concat,
  Split: split,
  Expand: expand,
  Tile: tile,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: trilu,
} as const;
