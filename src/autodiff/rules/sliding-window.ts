/** Where the windows of a node lie, with automatic padding resolved: what the gradients of convolutions and pools go by. */
import { isKnown, windowOf, windowSteps } from '../../ops/index.ts';
import type { GradientContext } from '../gradient-rule.ts';
import type { Terms } from '../terms.ts';

/** One spatial axis. Position q of the window begins at element q·stride − before. */
export interface WindowAxis {
  /** Elements of what the window slides over. */
  readonly size: number;
  /** Positions of the window. */
  readonly steps: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros before the first element. */
  readonly before: number;
  /** Zeros behind the last element, as many as the last window needs; negative where it ends before that. */
  readonly after: number;
}

/** From the first to the last element that a window sees. */
export function reachOf({ kernel, dilation }: WindowAxis): number {
  return (kernel - 1) * dilation + 1;
}

/** The windows of Conv or a pool over the spatial axes of `x`. @throws SkeinError 'unsupported' if a size is not known */
export function windowAxes({ op, t }: GradientContext, x: string, kernel: readonly number[]): WindowAxis[] {
  const window = windowOf(op, kernel);
  return kernel.map((size, i) => {
    const [stride, dilation] = [window.strides[i] ?? 1, window.dilations[i] ?? 1];
    const whole = t.size(x, i + 2);
    const steps = windowSteps(window, i, whole);
    const covered = (steps - 1) * stride + (size - 1) * dilation + 1;
    const missing = Math.max(covered - whole, 0);
    const begin = {
      VALID: 0,
      SAME_UPPER: Math.floor(missing / 2),
      SAME_LOWER: Math.ceil(missing / 2),
    }[window.autoPad];
    const before = begin ?? window.pads[i] ?? 0;
    return { size: whole, steps, kernel: size, stride, dilation, before, after: covered - whole - before };
  });
}

/** Adds zeros at the begin and the end of the axes from `first` on; negative amounts cut off. */
export function resized(
  t: Terms,
  x: string,
  first: number,
  amounts: readonly (readonly [begin: number, end: number])[],
): string {
  const pads = (of: readonly (readonly [number, number])[]): number[] => {
    const rest = Array.from({ length: t.rank(x) - first - of.length }, () => 0);
    const lead = Array.from({ length: first }, () => 0);
    return [...lead, ...of.map(([begin]) => begin), ...rest, ...lead, ...of.map(([, end]) => end), ...rest];
  };
  const cut = amounts.map(([begin, end]) => Math.max(-begin, 0) + Math.max(-end, 0));
  if (cut.every((elements, i) => elements === 0 || elements < t.size(x, i + first))) {
    return alongOneAxis(t, x, first, amounts) ?? t.pad(x, pads(amounts));
  }
  // Pad cannot cut off more than there is, however much it adds elsewhere.
  const larger = t.pad(x, pads(amounts.map(([begin, end]) => [Math.max(begin, 0), Math.max(end, 0)])));
  const kept = amounts.map(([begin, end], i) => {
    const axis = i + first;
    return { axis, start: Math.max(-begin, 0), end: t.size(larger, axis) + Math.min(end, 0) };
  });
  return t.slice(larger, kept);
}

/**
 * The same where only one axis changes, in long runs: with what lies behind it as one axis, ONNX Runtime's Pad is up to
 * twice as fast. Undefined where another axis changes or more than the first is not known.
 */
function alongOneAxis(
  t: Terms,
  x: string,
  first: number,
  amounts: readonly (readonly [begin: number, end: number])[],
): string | undefined {
  const [changed, another] = amounts.flatMap(([begin, end], i) => (begin === 0 && end === 0 ? [] : [i]));
  const known = t.dims(x).slice(1);
  if (changed === undefined || another !== undefined || first === 0 || !isKnown(known)) return undefined;
  const sizes: readonly number[] = known;
  const at = first + changed - 1;
  const run = sizes.slice(at + 1).reduce((product, size) => product * size, 1);
  const [begin, end] = amounts[changed] ?? [0, 0];
  const size = sizes[at] as number;
  const longer = t.pad(t.reshape(x, [-1, size * run]), [0, begin * run, 0, end * run]);
  return t.reshape(longer, [-1, ...sizes.with(at, size + begin + end)]);
}

/** For each position of the kernel over the first `count` axes, row by row: its index along each of them. */
export function taps(axes: readonly WindowAxis[]): number[][] {
  return axes.reduce<number[][]>(
    (all, { kernel }) => all.flatMap((tap) => Array.from({ length: kernel }, (_, i) => [...tap, i])),
    [[]],
  );
}

/**
 * What each window position sees through one tap of the kernel: x[…, q·stride + tap·dilation − before, …], zeros beyond the
 * border.
 * @param first the axis of `x` that `axes` begin with
 */
export function seenThrough(
  t: Terms,
  x: string,
  first: number,
  axes: readonly WindowAxis[],
  tap: readonly number[],
): string {
  const begin = axes.map(({ before, dilation }, i) => before - (tap[i] ?? 0) * dilation);
  const end = axes.map(({ steps, stride, size }, i) => (steps - 1) * stride + 1 - size - (begin[i] ?? 0));
  const placed = resized(
    t,
    x,
    first,
    axes.map((_, i) => [begin[i] ?? 0, end[i] ?? 0]),
  );
  const strided = axes.flatMap(({ stride, steps }, i) =>
    stride === 1 ? [] : [{ axis: i + first, start: 0, end: (steps - 1) * stride + 1, step: stride }],
  );
  return strided.length === 0 ? placed : t.slice(placed, strided);
}

/** x[…, q, …] moved to q·stride, zeros between: (steps − 1)·stride + 1 elements along each axis; they are the last ones. */
export function spreadOut(t: Terms, x: string, first: number, axes: readonly WindowAxis[]): string {
  if (axes.every(({ stride }) => stride === 1)) return x;
  const lead = Array.from({ length: first }, (_, axis) => (axis === 0 ? 0 : t.size(x, axis)));
  const apart = t.reshape(x, [...lead, ...axes.flatMap(({ steps }) => [steps, 1])]);
  const zeros = Array.from({ length: 2 * first + 2 * axes.length }, () => 0);
  const behind = t.pad(apart, [...zeros, ...axes.flatMap(({ stride }) => [0, stride - 1])]);
  const joined = t.reshape(behind, [...lead, ...axes.map(({ steps, stride }) => steps * stride)]);
  const surplus = axes.map(({ stride }) => [0, 1 - stride] as const);
  return resized(t, joined, first, surplus);
}
