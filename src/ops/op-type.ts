/**
 * The operators of the standard set that Skein has rules for, a family a line or two. Every table over them is total,
 * `{ [Op in OpType]: … }`: an operator added here does not compile until each table has its rule.
 */
// biome-ignore format: a family a line reads better than an operator a line
export const OP_TYPES = [
  // convolutions and matrix products
  'Conv', 'ConvInteger', 'ConvTranspose', 'QLinearConv',
  'Einsum', 'Gemm', 'MatMul', 'MatMulInteger', 'QLinearMatMul',
  // pooling, normalisation, activation
  'AveragePool', 'GlobalAveragePool', 'GlobalLpPool', 'GlobalMaxPool', 'LpPool', 'MaxPool', 'MaxUnpool',
  'BatchNormalization', 'GroupNormalization', 'InstanceNormalization', 'LRN', 'LayerNormalization',
  'LpNormalization', 'MeanVarianceNormalization', 'RMSNormalization',
  'Celu', 'Clip', 'Elu', 'Gelu', 'HardSigmoid', 'HardSwish', 'Hardmax', 'LeakyRelu', 'LogSoftmax', 'Mish', 'PRelu',
  'Relu', 'Selu', 'Shrink', 'Sigmoid', 'Softmax', 'Softplus', 'Softsign', 'Swish', 'Tanh', 'ThresholdedRelu',
  // element-wise
  'Add', 'Div', 'Max', 'Mean', 'Min', 'Mod', 'Mul', 'Pow', 'Sub', 'Sum', 'Where',
  'Abs', 'Acos', 'Acosh', 'Asin', 'Asinh', 'Atan', 'Atanh', 'Ceil', 'Cos', 'Cosh', 'Erf', 'Exp', 'Floor', 'Log', 'Neg',
  'Reciprocal', 'Round', 'Sign', 'Sin', 'Sinh', 'Sqrt', 'Tan',
  'And', 'Equal', 'Greater', 'GreaterOrEqual', 'IsInf', 'IsNaN', 'Less', 'LessOrEqual', 'Not', 'Or', 'Xor',
  'BitShift', 'BitwiseAnd', 'BitwiseNot', 'BitwiseOr', 'BitwiseXor',
  // reductions
  'ArgMax', 'ArgMin', 'CumSum', 'ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean',
  'ReduceMin', 'ReduceProd', 'ReduceSum', 'ReduceSumSquare', 'TopK',
  // movement, shapes, indices
  'Concat', 'DepthToSpace', 'Expand', 'Pad', 'Slice', 'SpaceToDepth', 'Split', 'Tile', 'Transpose',
  'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze',
  'Compress', 'Gather', 'GatherElements', 'GatherND', 'NonZero', 'OneHot', 'ScatterElements', 'ScatterND', 'Trilu',
  'Cast', 'CastLike', 'Constant', 'ConstantOfShape', 'Dropout', 'EyeLike', 'Identity', 'Range', 'Shape', 'Size',
  'GridSample', 'Resize',
  // quantisation, random numbers, losses
  'DequantizeLinear', 'DynamicQuantizeLinear', 'QuantizeLinear',
  'Bernoulli', 'RandomNormal', 'RandomNormalLike', 'RandomUniform', 'RandomUniformLike',
  'NegativeLogLikelihoodLoss', 'SoftmaxCrossEntropyLoss',
] as const;

export type OpType = (typeof OP_TYPES)[number];
