/**
 * What became of each operator of the standard set from version 7 to 16: the table of those whose form or meaning changed,
 * and the list of those that mean the same (more types, more attributes with the old meaning for a default). Source: ONNX's
 * docs/Changelog.md, each version compared with the one before, and onnx/version_converter (convert.h and adapters/).
 * What is in neither cannot be lifted: experimental operators that were taken out, and names that nobody knows.
 */
import {
  axesToInput,
  clipBoundsToInputs,
  dropoutRatioToInput,
  padToInputs,
  scalesToInput,
  sliceToInputs,
  splitToInput,
  topKToInput,
} from './attributes-to-inputs.ts';
import {
  coercedToRows,
  inferenceOnly,
  refuseWith,
  resizeAsymmetric,
  resizeBySizesAlone,
  scatterElements,
  withoutPixelShift,
  withoutSpatial,
} from './changed-meanings.ts';
import type { OpsetChange } from './lifting.ts';

/** By operator, and by the version that brought the change. */
const CHANGES: Readonly<Record<string, Readonly<Record<number, OpsetChange>>>> = {
  BatchNormalization: { 9: withoutSpatial, 14: inferenceOnly },
  Clip: { 11: clipBoundsToInputs },
  Dropout: { 12: dropoutRatioToInput },
  Hardmax: { 13: coercedToRows },
  LogSoftmax: { 13: coercedToRows },
  MeanVarianceNormalization: { 9: refuseWith('it was experimental, with other attributes') },
  Pad: { 11: padToInputs },
  ReduceSum: { 13: axesToInput },
  Resize: { 11: resizeAsymmetric, 13: resizeBySizesAlone },
  RoiAlign: { 16: withoutPixelShift },
  Scan: { 9: refuseWith('it went over each sequence of a batch') },
  Scatter: { 11: scatterElements },
  Slice: { 10: sliceToInputs },
  Softmax: { 13: coercedToRows },
  Split: { 13: splitToInput },
  Squeeze: { 13: axesToInput },
  TopK: { 10: topKToInput },
  Unsqueeze: { 13: axesToInput },
  // Version 10 has Resize in its place, with the same inputs and meaning.
  Upsample: { 9: scalesToInput, 11: resizeAsymmetric },
};

/** Names that the standard set has no more. */
const TAKEN_OUT: ReadonlySet<string> = new Set(['Scatter', 'Upsample']);

/**
 * Not changed, or upward compatible. Some that look otherwise: ConvTranspose 11 corrects how its text splits an odd padding,
 * as its attributes had it before; OneHot 11 counts negative indices from the end, which were not allowed before;
 * DequantizeLinear and QuantizeLinear 13 have an axis for scales that are no scalars, which were not allowed before;
 * ArgMax and ArgMin 12 take the first of equals unless told; DepthToSpace 11 has mode DCR unless told. LayerNormalization came
 * with version 17, but ONNX Runtime knew it before, and the same.
 */
// biome-ignore format: a family a line reads better than an operator a line
const COMPATIBLE: ReadonlySet<string> = new Set([
  // convolutions and matrix products
  'Conv', 'ConvInteger', 'ConvTranspose', 'QLinearConv',
  'Det', 'Einsum', 'Gemm', 'MatMul', 'MatMulInteger', 'QLinearMatMul',
  // pooling, normalisation, activation, recurrence
  'AveragePool', 'GlobalAveragePool', 'GlobalLpPool', 'GlobalMaxPool', 'LpPool', 'MaxPool', 'MaxRoiPool', 'MaxUnpool',
  'InstanceNormalization', 'LRN', 'LayerNormalization', 'LpNormalization',
  'Celu', 'Elu', 'HardSigmoid', 'HardSwish', 'LeakyRelu', 'PRelu', 'Relu', 'Selu', 'Shrink', 'Sigmoid', 'Softplus',
  'Softsign', 'Tanh', 'ThresholdedRelu',
  'GRU', 'LSTM', 'RNN',
  // element-wise
  'Add', 'Div', 'Max', 'Mean', 'Min', 'Mod', 'Mul', 'Pow', 'Sub', 'Sum', 'Where',
  'Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Cos', 'Cosh', 'Erf', 'Exp', 'Floor', 'Log', 'Neg',
  'Reciprocal', 'Round', 'Sign', 'Sin', 'Sinh', 'Sqrt', 'Tan',
  'And', 'Equal', 'Greater', 'GreaterOrEqual', 'IsInf', 'IsNaN', 'Less', 'LessOrEqual', 'Not', 'Or', 'Xor', 'BitShift',
  // reductions
  'ArgMax', 'ArgMin', 'CumSum', 'ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean',
  'ReduceMin', 'ReduceProd', 'ReduceSumSquare',
  // movement, shapes, indices
  'Concat', 'DepthToSpace', 'Expand', 'Flatten', 'Reshape', 'ReverseSequence', 'SpaceToDepth', 'Tile', 'Transpose',
  'Compress', 'Gather', 'GatherElements', 'GatherND', 'NonMaxSuppression', 'NonZero', 'OneHot', 'ScatterElements',
  'ScatterND', 'Trilu', 'Unique',
  'Cast', 'CastLike', 'Constant', 'ConstantOfShape', 'EyeLike', 'Identity', 'Range', 'Shape', 'Size', 'GridSample',
  // quantisation, random numbers, losses
  'DequantizeLinear', 'DynamicQuantizeLinear', 'QuantizeLinear',
  'Bernoulli', 'Multinomial', 'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike',
  'NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss',
  // control flow, sequences, optionals, text
  'If', 'Loop',
  'ConcatFromSequence', 'SequenceAt', 'SequenceConstruct', 'SequenceEmpty', 'SequenceErase', 'SequenceInsert',
  'SequenceLength', 'SplitToSequence', 'Optional', 'OptionalGetElement', 'OptionalHasElement',
  'StringNormalizer', 'TfIdfVectorizer',
]);

/** How version `opset` changed the operator; undefined where it did not. */
export function changeAt(opType: string, opset: number): OpsetChange | undefined {
  return Object.hasOwn(CHANGES, opType) ? CHANGES[opType]?.[opset] : undefined;
}

/** Whether the newer versions still have the operator. */
export function isCurrent(opType: string): boolean {
  return COMPATIBLE.has(opType) || (Object.hasOwn(CHANGES, opType) && !TAKEN_OUT.has(opType));
}
