/** How each operator is done once for all parts. What has no rule here keeps the parts from being grouped. */
import type { Node } from '../../graph/index.ts';
import { knownOpType, type OpType } from '../../ops/index.ts';
import type { GroupRule } from './group-step.ts';
import { conv } from './rules/convolution.ts';
import { batchNormalization, binary, division, once } from './rules/elementwise.ts';
import { gemm, matMul } from './rules/linear.ts';
import { concat, pad, reduce, reshape, slice } from './rules/shaping.ts';

/** Of elementwise operators only those that make something finite of 0 and of whatever else is finite. */
const GROUP_RULES: { readonly [Op in OpType]?: GroupRule } = {
  Conv: conv,
  Gemm: gemm,
  MatMul: matMul,
  BatchNormalization: batchNormalization,
  Abs: once,
  AveragePool: once,
  Celu: once,
  Clip: once,
  Elu: once,
  Erf: once,
  GlobalAveragePool: once,
  GlobalMaxPool: once,
  HardSigmoid: once,
  HardSwish: once,
  Identity: once,
  LeakyRelu: once,
  MaxPool: once,
  Neg: once,
  Relu: once,
  Selu: once,
  Sigmoid: once,
  Softplus: once,
  Softsign: once,
  Tanh: once,
  ThresholdedRelu: once,
  Add: binary,
  Max: binary,
  Min: binary,
  Mul: binary,
  PRelu: binary,
  Sub: binary,
  Div: division,
  Concat: concat,
  Flatten: reshape,
  Pad: pad,
  ReduceMax: reduce,
  ReduceMean: reduce,
  ReduceSum: reduce,
  Reshape: reshape,
  Slice: slice,
  Squeeze: reshape,
  Unsqueeze: reshape,
};

export function groupRuleOf(node: Node): GroupRule | undefined {
  const type = knownOpType(node);
  return type && GROUP_RULES[type];
}
