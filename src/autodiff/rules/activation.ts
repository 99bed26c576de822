/** Gradients of the activations: dx = dy · f′(x), written with y where that is cheaper. At kinks PyTorch's choices. */
import type { GradientContext, GradientRule } from '../gradient-rule.ts';

const times =
  (slope: (g: GradientContext) => string): GradientRule =>
  (g) => [g.t.mul(g.dy, slope(g))];

/** Whether each element of a value is above a number. */
const above = ({ t }: GradientContext, x: string, bound: number): string => t.op('Greater', [x, t.scalar(bound, x)]);
const below = ({ t }: GradientContext, x: string, bound: number): string => t.op('Less', [x, t.scalar(bound, x)]);

/** 0 at 0. */
const relu: GradientRule = (g) => [g.masked(above(g, g.y(), 0), g.dy)];

const thresholdedRelu: GradientRule = (g) => [g.masked(above(g, g.x(0), g.op.float('alpha', 1)), g.dy)];

/** α + (1 − α)·[x > 0], faster than to select. */
const leakyRelu = times((g) => {
  const { t, dy, op, x } = g;
  const alpha = op.float('alpha', 0.01);
  return t.add(t.scale(t.mask(above(g, x(0), 0), dy), 1 - alpha), t.scalar(alpha, dy));
});

const pRelu: GradientRule = (g) => {
  const { t, dy } = g;
  const [x, slope] = [g.x(0), g.x(1)];
  return g.each(
    () => t.op('Where', [above(g, x, 0), dy, t.mul(dy, slope)]),
    () => t.unbroadcast(t.mul(dy, t.op('Min', [x, t.scalar(0, x)])), slope),
  );
};

/** y = x above 0, α(exp(x/α) − 1) below: f′ = 1 + min(y, 0)/α on both sides. */
const celu = times(({ t, op, y }) => {
  const negative = t.op('Min', [y(), t.scalar(0, y())]);
  return t.add(t.scale(negative, 1 / op.float('alpha', 1)), t.scalar(1, y()));
});

/** y = γx above 0, γα(exp(x) − 1) below: f′ = γ or y + γα. */
const exponential =
  (alpha: number, gamma: number): GradientRule =>
  (g) => {
    const { t, dy, op } = g;
    const scale = op.float('gamma', gamma);
    const offset = scale * op.float('alpha', alpha);
    const below = t.mul(dy, t.add(g.y(), t.scalar(offset, dy)));
    return [t.op('Where', [above(g, g.x(0), 0), t.scale(dy, scale), below])];
  };

const eluOf = exponential(1, 1);
const elu: GradientRule = (g) => (g.op.float('alpha', 1) === 1 ? celu(g) : eluOf(g));

const shrink: GradientRule = (g) => {
  const magnitude = g.t.op('Abs', [g.x(0)]);
  return [g.masked(above(g, magnitude, g.op.float('lambd', 0.5)), g.dy)];
};

/**
 * Passes between the bounds and not at them: exporters write F.relu6, F.hardtanh and torch.clamp as Clip, and PyTorch 2.15
 * has 0 there for all three (derivatives.yaml: hardtanh_backward, clamp_min, clamp_max). Before 2.15 torch.clamp passed.
 */
const clip: GradientRule = (g) => {
  const { t, op, dy } = g;
  const bounds = [1, 2].filter((i) => op.has(i));
  if (bounds.some((i) => g.needs(i) || op.numbers(i) === undefined)) return clipByTensors(g);
  const inside = bounds.map((i) => t.op(i === 1 ? 'Greater' : 'Less', [g.x(0), g.x(i)]));
  return [inside.length === 0 ? dy : g.masked(every(g, inside), dy)];
};

/** With bounds that change, as torch.clamp of tensors: a bound has the gradient of what it cuts off, and half at a tie. */
function clipByTensors(g: GradientContext): readonly (string | undefined)[] {
  const { t, op, dy } = g;
  const [x, low, high] = [g.x(0), g.x(1), g.x(2)];
  // Where the bounds cross, the upper one has it all.
  const proper = op.has(1) && op.has(2) ? [t.op('Less', [low, high])] : [];
  const ties = [low, high].filter((bound) => bound !== '').map((bound) => t.op('Equal', [x, bound]));
  const tie = every(g, [ties.length === 2 ? t.op('Or', ties) : (ties[0] as string), ...proper]);
  const share = t.op('Where', [tie, t.scale(dy, 0.5), dy]);
  const cutAbove = () => t.op('GreaterOrEqual', [x, high]);
  return g.each(
    () => {
      const above = op.has(1) ? [t.op('GreaterOrEqual', [x, low])] : [];
      return g.masked(every(g, [...above, ...(op.has(2) ? [t.op('LessOrEqual', [x, high])] : [])]), share);
    },
    () => t.unbroadcast(g.masked(every(g, [t.op('LessOrEqual', [x, low]), ...proper]), share), low),
    () => {
      const cut = proper.length === 0 ? cutAbove() : t.op('Or', [cutAbove(), t.op('Not', proper)]);
      return t.unbroadcast(g.masked(cut, share), high);
    },
  );
}

/** Whether all of at least one condition hold. */
function every({ t }: GradientContext, conditions: readonly string[]): string {
  return conditions.reduce((all, condition) => t.op('And', [all, condition]));
}

const sigmoid = times(({ t, y }) => t.mul(y(), t.sub(t.scalar(1, y()), y())));

const hardSigmoid: GradientRule = (g) => {
  const inside = g.t.op('And', [above(g, g.y(), 0), below(g, g.y(), 1)]);
  return [g.masked(inside, g.t.scale(g.dy, g.op.float('alpha', 0.2)))];
};

/** x · clip(x/6 + ½, 0, 1): 0 up to −3, 1 from 3 on, x/3 + ½ between. */
const hardSwish: GradientRule = (g) => {
  const { t, dy, x } = g;
  const bent = t.mul(dy, t.add(t.scale(x(0), 1 / 3), t.scalar(0.5, dy)));
  return [g.masked(above(g, x(0), -3), t.op('Where', [below(g, x(0), 3), bent, dy]))];
};

/** σ(αx)·x: f′ = αy + σ(αx)·(1 − αy) */
const swish = times(({ t, op, x, y }) => {
  const alpha = op.float('alpha', 1);
  const scaled = t.scale(y(), alpha);
  const gate = t.op('Sigmoid', [t.scale(x(0), alpha)]);
  return t.add(scaled, t.mul(gate, t.sub(t.scalar(1, scaled), scaled)));
});

/** x · T with T = tanh(ln(1 + eˣ)): f′ = T + x · (1 − T²) · σ(x) */
const mish = times(({ t, x }) => {
  const gate = t.op('Tanh', [t.op('Softplus', [x(0)])]);
  const slope = t.mul(t.sub(t.scalar(1, gate), t.mul(gate, gate)), t.op('Sigmoid', [x(0)]));
  return t.add(gate, t.mul(x(0), slope));
});

/** x · Φ(x): f′ = Φ(x) + x · φ(x), or with Φ as Hendrycks and Gimpel (2016) approximate it by tanh. */
const gelu = times((g) => {
  const { t, op, x } = g;
  const [half, one, squared] = [t.scalar(0.5, x(0)), t.scalar(1, x(0)), t.mul(x(0), x(0))];
  if (op.string('approximate', 'none') === 'none') {
    const share = t.mul(t.add(t.op('Erf', [t.scale(x(0), Math.SQRT1_2)]), one), half);
    const density = t.scale(t.op('Exp', [t.scale(squared, -0.5)]), 1 / Math.sqrt(2 * Math.PI));
    return t.add(share, t.mul(x(0), density));
  }
  const [a, b] = [Math.sqrt(2 / Math.PI), 0.044715];
  const inner = t.mul(x(0), t.add(t.scale(squared, a * b), t.scalar(a, squared)));
  const tanh = t.op('Tanh', [inner]);
  const slope = t.mul(x(0), t.add(t.scale(squared, 3 * a * b), t.scalar(a, squared)));
  const bend = t.mul(t.sub(one, t.mul(tanh, tanh)), slope);
  return t.mul(t.add(t.add(tanh, one), bend), half);
});

/** x / (1 + |x|) */
const softsign: GradientRule = ({ t, dy, x }) => {
  const base = t.add(t.op('Abs', [x(0)]), t.scalar(1, x(0)));
  return [t.div(dy, t.mul(base, base))];
};

/** dx = y · (dy − Σ dy·y) along the axis. */
const softmax: GradientRule = (g) => {
  const { t, dy, op } = g;
  const axis = op.axisOf(op.int('axis', -1), t.rank(g.x(0)));
  const product = t.mul(dy, g.y());
  return [t.sub(product, t.mul(g.y(), t.reduceSum(product, [axis])))];
};

/** dx = dy − softmax(x) · Σ dy along the axis. */
const logSoftmax: GradientRule = (g) => {
  const { t, dy, op } = g;
  const axis = op.axisOf(op.int('axis', -1), t.rank(g.x(0)));
  return [t.sub(dy, t.mul(t.op('Exp', [g.y()]), t.reduceSum(dy, [axis])))];
};

export const activation = {
  Relu: relu,
  ThresholdedRelu: thresholdedRelu,
  LeakyRelu: leakyRelu,
  PRelu: pRelu,
  Elu: elu,
  Celu: celu,
  Selu: exponential(1.6732631921768188, 1.0507010221481323),
  Shrink: shrink,
  Clip: clip,
  Sigmoid: sigmoid,
  HardSigmoid: hardSigmoid,
  HardSwish: hardSwish,
  Swish: swish,
  Mish: mish,
  Gelu: gelu,
  Softplus: times(({ t, x }) => t.op('Sigmoid', [x(0)])),
  Softsign: softsign,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  Hardmax: 'zero',
} as const;
