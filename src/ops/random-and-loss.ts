/** Random tensors, and the losses that ONNX has operators for. */
import { dtypeOfOnnx } from '../tensor/index.ts';
import { type OpRule, rule, typed } from './op-rule.ts';

const drawn = rule((op) => [typed(dtypeOfOnnx(op.int('dtype', 1)), op.ints('shape'))]);
const drawnLike = rule((op) => [typed(dtypeOfOnnx(op.int('dtype', 0)) ?? op.dtype(0), op.dims(0))]);

/** A loss for each label, or one in all. */
const loss: OpRule['infer'] = (op) => [
  typed(op.dtype(0), op.string('reduction', 'mean') === 'none' ? op.dims(1) : []),
  typed(op.dtype(0), op.dims(0)),
];

export const randomAndLoss = {
  Bernoulli: drawnLike,
  NegativeLogLikelihoodLoss: rule((op) => loss(op).slice(0, 1), { settings: [2] }),
  RandomNormal: drawn,
  RandomNormalLike: drawnLike,
  RandomUniform: drawn,
  RandomUniformLike: drawnLike,
  SoftmaxCrossEntropyLoss: rule(loss, { settings: [2] }),
};
