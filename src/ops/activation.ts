/** Activations: the output is like the input. */
import { likeFirst, rule } from './op-rule.ts';

const pointwise = rule(likeFirst);
/** Softmax and its like work along an axis, which must be there. */
const alongAxis = rule((op) => {
  const rank = op.dims(0)?.length;
  if (rank !== undefined && rank > 0) op.axisOf(op.int('axis', -1), rank);
  return likeFirst(op);
});

export const activation = {
  Celu: pointwise,
  Clip: rule(likeFirst, { settings: [1, 2] }),
  Elu: pointwise,
  Gelu: pointwise,
  HardSigmoid: pointwise,
  HardSwish: pointwise,
  Hardmax: alongAxis,
  LeakyRelu: pointwise,
  LogSoftmax: alongAxis,
  Mish: pointwise,
  PRelu: pointwise,
  Relu: pointwise,
  Selu: pointwise,
  Shrink: pointwise,
  Sigmoid: pointwise,
  Softmax: alongAxis,
  Softplus: pointwise,
  Softsign: pointwise,
  Swish: pointwise,
  Tanh: pointwise,
  ThresholdedRelu: pointwise,
};
