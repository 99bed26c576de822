/** The total table of gradients: an operator that has none here does not compile, "no gradient" is said in words. */
import type { Node } from '../graph/index.ts';
import { knownOpType, type OpType } from '../ops/index.ts';
import type { Gradient } from './gradient-rule.ts';
import { activation } from './rules/activation.ts';
import { arithmetic } from './rules/arithmetic.ts';
import { conversion } from './rules/conversion.ts';
import { convolution } from './rules/convolution.ts';
import { indexing } from './rules/indexing.ts';
import { matmul } from './rules/matmul.ts';
import { movement } from './rules/movement.ts';
import { normalization } from './rules/normalization.ts';
import { pooling } from './rules/pooling.ts';
import { quantization } from './rules/quantization.ts';
import { reduction } from './rules/reduction.ts';
import { resizing } from './rules/resizing.ts';
import { unary } from './rules/unary.ts';

export const GRADIENTS: { readonly [Op in OpType]: Gradient } = {
  ...convolution,
  ...matmul,
  ...pooling,
  ...normalization,
  ...activation,
  ...unary,
  ...arithmetic,
  ...reduction,
  ...movement,
  ...indexing,
  ...resizing,
  ...conversion,
  ...quantization,
  // Their outputs are indices, shapes, numbers from nowhere.
  Constant: 'zero',
  ConstantOfShape: 'zero',
  EyeLike: 'zero',
  NonZero: 'zero',
  OneHot: 'zero',
  Range: 'zero',
  Shape: 'zero',
  Size: 'zero',
  Bernoulli: 'zero',
  RandomNormal: 'zero',
  RandomNormalLike: 'zero',
  RandomUniform: 'zero',
  RandomUniformLike: 'zero',
  NegativeLogLikelihoodLoss: 'refused',
  SoftmaxCrossEntropyLoss: 'refused',
};

/** The gradient of a node's operator; undefined for one that Skein does not know. */
export function gradientOf(node: Node): Gradient | undefined {
  const type = knownOpType(node);
  return type && GRADIENTS[type];
}
