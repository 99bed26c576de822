/** The total table of channel rules: an operator that has none here does not compile, 'opaque' is said in words. */
import type { Node } from '../../graph/index.ts';
import { knownOpType, type OpType } from '../../ops/index.ts';
import type { ChannelTreatment } from './channel-rule.ts';
import { convolutions } from './rules/convolution.ts';
import { elementwises } from './rules/elementwise.ts';
import { joinings } from './rules/joining.ts';
import { matmuls } from './rules/matmul.ts';
import { normalizations } from './rules/normalization.ts';
import { reductions } from './rules/reduction.ts';
import { reshapings } from './rules/reshaping.ts';
import { resizings } from './rules/resizing.ts';

export const CHANNEL_RULES: { readonly [Op in OpType]: ChannelTreatment } = {
  ...convolutions,
  ...matmuls,
  ...reductions,
  ...normalizations,
  ...elementwises,
  ...joinings,
  ...reshapings,
  ...resizings,
  // They make values of their own.
  Bernoulli: 'opaque',
  Constant: 'opaque',
  ConstantOfShape: 'opaque',
  EyeLike: 'opaque',
  Range: 'opaque',
  RandomNormal: 'opaque',
  RandomNormalLike: 'opaque',
  RandomUniform: 'opaque',
  RandomUniformLike: 'opaque',
  NegativeLogLikelihoodLoss: 'opaque',
  SoftmaxCrossEntropyLoss: 'opaque',
};

/** The rule of a node's operator; undefined where nothing is known of what it does to channels. */
export function channelRuleOf(node: Node) {
  const type = knownOpType(node);
  const treatment = type && CHANNEL_RULES[type];
  return treatment === 'opaque' ? undefined : treatment;
}
