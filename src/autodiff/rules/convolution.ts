/** Gradients of the convolutions. */
import type { GradientContext, GradientRule } from '../gradient-rule.ts';
import type { Terms } from '../terms.ts';
import { weightGradient } from './convolution-weight.ts';
import { reachOf, resized, type WindowAxis, windowAxes } from './sliding-window.ts';

const conv: GradientRule = (g) => {
  const { t, dy, op } = g;
  const [x, weight] = [g.x(0), g.x(1)];
  const groups = op.int('group', 1);
  const axes = windowAxes(g, x, kernelOf(g));
  return g.each(
    () => inputGradient(t, dy, weight, axes, groups),
    () => weightGradient(t, { x, dy, axes, groups }),
    () => biasGradient(t, dy),
  );
};

/** Its output is what a convolution slides over, its input what that makes: the two change places. */
const convTranspose: GradientRule = (g) => {
  const { t, dy, op } = g;
  const [x, weight] = [g.x(0), g.x(1)];
  const groups = op.int('group', 1);
  const axes = transposedAxes(g);
  return g.each(
    () => {
      const { strides, dilations } = attributesOf(axes);
      const pads = [...axes.map(({ before }) => before), ...axes.map(({ after }) => Math.max(after, 0))];
      const all = t.op('Conv', [dy, weight], { group: groups, strides, dilations, pads });
      const surplus = axes.map(({ steps }, i): [number, number] => [0, steps - t.size(all, i + 2)]);
      return resized(t, all, 2, surplus);
    },
    () => weightGradient(t, { x: dy, dy: x, axes, groups }),
    () => biasGradient(t, dy),
  );
};

/**
 * dx of a convolution without strides is a convolution with the kernel turned round, which ONNX Runtime computes about
 * twice as fast as the transposed one (4.9 against 13.3 ms for 16 channels on 32×32 at batch 128). With strides it would
 * run over zeros mostly: 21 ms against 4.9.
 */
function inputGradient(t: Terms, dy: string, weight: string, axes: readonly WindowAxis[], groups: number): string {
  const { strides, dilations } = attributesOf(axes);
  const begins = axes.map((axis) => reachOf(axis) - 1 - axis.before);
  const ends = axes.map((axis, i) => axis.size + reachOf(axis) - 1 - axis.steps - (begins[i] ?? 0));
  if (strides.every((stride) => stride === 1) && [...begins, ...ends].every((pad) => pad >= 0)) {
    const turned = turnedRound(t, weight, groups);
    return t.op('Conv', [dy, turned], { group: groups, dilations, pads: [...begins, ...ends] });
  }
  // Where the last window ends before the data does, what lies behind has no gradient: zeros, put there afterwards.
  const after = axes.map((axis) => Math.max(axis.after, 0));
  const unseen = axes.map((axis): [number, number] => [0, Math.max(-axis.after, 0)]);
  const pads = [...axes.map(({ before }) => before), ...after];
  const outputPadding = axes.map(({ stride }, i) => Math.min(unseen[i]?.[1] ?? 0, stride - 1));
  const seen = t.op('ConvTranspose', [dy, weight], {
    group: groups,
    strides,
    dilations,
    pads,
    output_padding: outputPadding,
  });
  return resized(
    t,
    seen,
    2,
    unseen.map(([begin, end], i) => [begin, end - (outputPadding[i] ?? 0)]),
  );
}

/** [O, C / groups, …kernel] as [C, O / groups, …kernel], the kernel back to front. */
function turnedRound(t: Terms, weight: string, groups: number): string {
  const [filters, channels, ...kernel] = t.dims(weight).map((_, axis) => t.size(weight, axis)) as [number, number];
  const area = (kernel as number[]).reduce((product, size) => product * size, 1);
  const byGroup = t.reshape(weight, [groups, filters / groups, channels, area]);
  const swapped = t.transpose(byGroup, [0, 2, 1, 3]);
  const backwards = t.int64s(Array.from({ length: area }, (_, i) => area - 1 - i));
  const turned = area === 1 ? swapped : t.op('Gather', [swapped, backwards], { axis: 3 });
  return t.reshape(turned, [groups * channels, filters / groups, ...kernel]);
}

function biasGradient(t: Terms, dy: string): string {
  const axes = Array.from({ length: t.rank(dy) }, (_, axis) => axis).filter((axis) => axis !== 1);
  return t.reduceSum(dy, axes, false);
}

function kernelOf({ t, x }: GradientContext): number[] {
  return t
    .dims(x(1))
    .slice(2)
    .map((_, axis) => t.size(x(1), axis + 2));
}

/** The windows over the output of a transposed convolution, whose positions are the elements of its input. */
function transposedAxes(g: GradientContext): WindowAxis[] {
  const { t, op } = g;
  const autoPad = op.string('auto_pad', 'NOTSET');
  const given = autoPad === 'NOTSET' && op.ints('output_shape') === undefined;
  return kernelOf(g).map((kernel, i) => {
    const stride = op.ints('strides')?.[i] ?? 1;
    const dilation = op.ints('dilations')?.[i] ?? 1;
    const [size, steps] = [t.size(g.y(), i + 2), t.size(g.x(0), i + 2)];
    const covered = (steps - 1) * stride + (kernel - 1) * dilation + 1;
    const surplus = covered + (op.ints('output_padding')?.[i] ?? 0) - size;
    if (surplus < 0 && !given) t.refuse('an output_shape larger than the windows reach is not supported');
    // ONNX Runtime takes the odd element off the begin, unless auto_pad says SAME_UPPER.
    const shared = autoPad === 'SAME_UPPER' ? Math.floor(surplus / 2) : Math.ceil(surplus / 2);
    const before = given ? (op.ints('pads')?.[i] ?? 0) : shared;
    return { size, steps, kernel, stride, dilation, before, after: covered - size - before };
  });
}

function attributesOf(axes: readonly WindowAxis[]): { strides: number[]; dilations: number[] } {
  return { strides: axes.map(({ stride }) => stride), dilations: axes.map(({ dilation }) => dilation) };
}

export const convolution = {
  Conv: conv,
  ConvTranspose: convTranspose,
  ConvInteger: 'refused',
  QLinearConv: 'refused',
} as const;
