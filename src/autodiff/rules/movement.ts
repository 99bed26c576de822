/** Gradients of what moves elements about: each element's goes back to where it came from. */
import type { GradientRule } from '../gradient-rule.ts';
import type { Terms } from '../terms.ts';

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

const identity: GradientRule = ({ dy }) => [dy];

/** Zero padding: what was added is cut off. */
const pad: GradientRule = ({ t, dy, op, x }) => {
  if (op.string('mode', 'constant') !== 'constant') t.refuse("only mode 'constant' is supported");
  if (op.has(3)) t.refuse('padding of certain axes is not supported');
  const pads = op.numbers(1) ?? t.unknown(x(1), 'the value');
  const rank = t.rank(x(0));
  const cut = Array.from({ length: rank }, (_, axis) => {
    const after = pads[axis + rank] ?? 0;
    return { axis, start: pads[axis] ?? 0, end: after === 0 ? Number.MAX_SAFE_INTEGER : -after };
  }).filter(({ start, end }) => start !== 0 || end < 0);
  return [cut.length === 0 ? dy : t.slice(dy, cut)];
};

/**
 * What was taken goes back to its places, zeros between and around them: a step s is s − 1 zeros behind each element.
 */
const slice: GradientRule = ({ t, dy, op, x }) => {
  const rank = t.rank(x(0));
  const starts = op.numbers(1) ?? t.unknown(x(1), 'the value');
  const axes = op.has(3) ? (op.numbers(3) ?? t.unknown(x(3), 'the value')) : starts.map((_, i) => i);
  const steps = op.has(4) ? (op.numbers(4) ?? t.unknown(x(4), 'the value')) : starts.map(() => 1);
  const pads = new Array<number>(2 * rank).fill(0);
  let spread = dy;
  for (const [i, given] of axes.entries()) {
    const axis = op.axisOf(given, rank);
    const step = steps[i] ?? 1;
    if (step < 1) t.refuse('a negative step is not supported');
    const size = t.size(x(0), axis);
    const place = (index = 0): number => Math.min(Math.max(index < 0 ? index + size : index, 0), size);
    const [start, taken] = [place(starts[i]), t.size(dy, axis)];
    spread = dilate(t, spread, axis, step);
    pads[axis] = start;
    pads[axis + rank] = size - start - taken * step;
  }
  return [t.pad(spread, pads)];
};

/** step − 1 zeros behind each element along an axis. */
function dilate(t: Terms, x: string, axis: number, step: number): string {
  if (step === 1) return x;
  const dims = t.dims(x);
  const apart = t.op('Unsqueeze', [x, t.int64s([axis + 1])]);
  const pads = new Array<number>(2 * (dims.length + 1)).fill(0);
  pads[axis + 1 + dims.length + 1] = step - 1;
  const shape = dims.map((_, i) => (i === axis ? t.size(x, axis) * step : 0));
  // A 0 keeps the dimension at its place, which is one further on behind the new axis.
  const behind = dims.slice(axis + 1).map((_, i) => t.size(x, axis + 1 + i));
  return t.reshape(t.pad(apart, pads), [...shape.slice(0, axis + 1), ...behind]);
}

export const movement = {
  Flatten: reshape,
  Reshape: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Identity: identity,
  Transpose: transpose,
  Pad: pad,
  Slice: slice,
  Concat: 'refused',
  DepthToSpace: 'refused',
  Expand: 'refused',
  SpaceToDepth: 'refused',
  Split: 'refused',
  Tile: 'refused',
  Compress: 'refused',
  Gather: 'refused',
  GatherElements: 'refused',
  GatherND: 'refused',
  ScatterElements: 'refused',
  ScatterND: 'refused',
  Trilu: 'refused',
  Cast: 'refused',
  CastLike: 'refused',
  Dropout: 'refused',
  GridSample: 'refused',
  Resize: 'refused',
} as const;
