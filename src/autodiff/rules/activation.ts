/** Gradients of the activations: dx = dy · f′(x), written with y where that is cheaper. */
import type { GradientRule } from '../gradient-rule.ts';

/** y is 0 where nothing passes, else positive: its sign is the slope. */
const relu: GradientRule = ({ t, dy, y }) => [t.mul(dy, t.op('Sign', [y()]))];

const sigmoid: GradientRule = ({ t, dy, y }) => [t.mul(dy, t.mul(y(), t.sub(t.scalar(1, y()), y())))];

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

const softplus: GradientRule = ({ t, dy, x }) => [t.mul(dy, t.op('Sigmoid', [x(0)]))];

export const activation = {
  Relu: relu,
  Sigmoid: sigmoid,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
  Softplus: softplus,
  Celu: 'refused',
  Clip: 'refused',
  Elu: 'refused',
  Gelu: 'refused',
  HardSigmoid: 'refused',
  HardSwish: 'refused',
  Hardmax: 'refused',
  LeakyRelu: 'refused',
  Mish: 'refused',
  PRelu: 'refused',
  Selu: 'refused',
  Shrink: 'refused',
  Softsign: 'refused',
  Swish: 'refused',
  Tanh: 'refused',
  ThresholdedRelu: 'refused',
} as const;
