/** The gradient of Pad: what was added is cut off, or goes back to the elements that it mirrors. */
import type { GradientContext, GradientRule } from '../gradient-rule.ts';
import { selection } from './selection.ts';

export const padding: GradientRule = (g) => {
  const { t, dy, op } = g;
  const [before, after] = padsOf(g);
  const mode = op.string('mode', 'constant');
  if (mode === 'constant') {
    if (g.needs(2)) t.refuse('it has no gradient for the value that fills');
    const cut = [...before, ...after].map((size) => (size === 0 ? 0 : -size));
    return [t.pad(dy, cut)];
  }
  let back = dy;
  for (const [axis, start] of before.entries()) {
    const end = after[axis] ?? 0;
    if (start === 0 && end === 0) continue;
    const size = t.size(g.x(0), axis);
    const places = Array.from({ length: start + size + end }, (_, i) => sourceOf(g, mode, i - start, size));
    back = t.alongAxis(back, axis, selection(t, dy, places, size));
  }
  return [back];
};

/** Before and after each axis; negative ones cut off. */
function padsOf({ op, t, x }: GradientContext): [before: number[], after: number[]] {
  const rank = t.rank(x(0));
  const pads = op.numbers(1) ?? t.unknown(x(1), 'the value');
  const all = Array.from({ length: rank }, (_, axis) => axis);
  const axes = op.has(3) ? (op.numbers(3) ?? t.unknown(x(3), 'the value')).map((axis) => op.axisOf(axis, rank)) : all;
  const along = (from: number) => all.map((axis) => (axes.includes(axis) ? (pads[from + axes.indexOf(axis)] ?? 0) : 0));
  return [along(0), along(axes.length)];
}

/** The element that stands at place `i` of the padded axis. */
function sourceOf({ t }: GradientContext, mode: string, i: number, size: number): number {
  switch (mode) {
    case 'edge':
      return Math.min(Math.max(i, 0), size - 1);
    case 'reflect': {
      const period = 2 * Math.max(size - 1, 1);
      const at = ((i % period) + period) % period;
      return size === 1 ? 0 : Math.min(at, period - at);
    }
    case 'wrap':
      return ((i % size) + size) % size;
    default:
      return t.refuse(`its mode '${mode}' is not supported`);
  }
}
