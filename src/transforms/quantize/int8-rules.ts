/**
 * What ONNX Runtime's CPU kernels compute in int8, as its QDQ selectors find it
 * (onnxruntime/core/optimizer/qdq_transformer/selectors_actions): which inputs of an operator are activations, which its
 * weight and bias. Everything else stays float.
 */
import { getFloat, getInt, getInts, getString, type Node, type Tensor } from '../../graph/index.ts';
import type { Surroundings } from './surroundings.ts';

/** A layer with weights: Conv, Gemm, MatMul. */
export interface WeightedLayer {
  readonly kind: 'weighted';
  readonly weight: Tensor;
  /** The weight's axis of output channels. */
  readonly channels: number;
  /** What the weight is multiplied by: the alpha of Gemm. */
  readonly factor: number;
  /** One number an output channel, beta of Gemm in it; undefined where there is none. */
  readonly bias: Float32Array | undefined;
  /** Whether the kernel can give floats: QGemm and MatMulIntegerToFloat can, QLinearConv cannot. */
  readonly givesFloat: boolean;
}

/** An operator without weights that computes: QLinearAdd, QLinearConcat, QLinearGlobalAveragePool … */
export interface ComputingLayer {
  readonly kind: 'computing';
  readonly givesFloat: false;
}

export type Int8Layer = WeightedLayer | ComputingLayer;

/** The node as an int8 layer; undefined if no kernel computes it so. */
export function int8LayerOf(node: Node, around: Surroundings): Int8Layer | undefined {
  if (node.domain !== '' || node.outputs.length !== 1) return undefined;
  switch (node.opType) {
    case 'Conv':
      return convolution(node, around);
    case 'Gemm':
      return gemm(node, around);
    case 'MatMul':
      return matMul(node, around);
    case 'Add':
    case 'Mul':
    case 'Concat':
      return computing(node, around, new Set(node.inputs).size === node.inputs.length);
    case 'AveragePool':
      return computing(node, around, !isMisfused(node));
    case 'GlobalAveragePool':
    case 'LeakyRelu':
    case 'Sigmoid':
      return computing(node, around);
    default:
      return undefined;
  }
}

/**
 * Whether ONNX Runtime makes an int8 kernel of the node that is none of it, wherever it finds it between DequantizeLinear
 * and QuantizeLinear: QLinearAveragePool knows no dilations, not even of 1, and where ceil_mode lets a window reach beyond
 * the padding, it counts what is not there as padding, too.
 */
export function isMisfused(node: Node): boolean {
  if (node.domain !== '' || node.opType !== 'AveragePool') return false;
  if (getInts(node, 'dilations') !== undefined) return true;
  return getInt(node, 'ceil_mode', 0) !== 0 && getInt(node, 'count_include_pad', 0) !== 0;
}

/** The inputs that are activations. */
export function activationsOf(node: Node, { kind }: Int8Layer): readonly string[] {
  return kind === 'weighted' ? node.inputs.slice(0, 1) : node.inputs;
}

function computing(node: Node, around: Surroundings, possible = true): ComputingLayer | undefined {
  if (!possible || !node.inputs.every((name) => around.isActivation(name))) return undefined;
  return { kind: 'computing', givesFloat: false };
}

function convolution(node: Node, around: Surroundings): WeightedLayer | undefined {
  const [x = '', weightName = '', biasName = ''] = node.inputs;
  const weight = around.floats(weightName);
  if (!around.isActivation(x) || weight === undefined || weight.dims.length < 3) return undefined;
  const bias = around.floats(biasName);
  if (biasName !== '' && bias?.size !== weight.dims[0]) return undefined;
  return { kind: 'weighted', weight, channels: 0, factor: 1, bias: bias?.float32s(), givesFloat: false };
}

function gemm(node: Node, around: Surroundings): WeightedLayer | undefined {
  const [x = '', weightName = '', biasName = ''] = node.inputs;
  const weight = around.floats(weightName);
  if (!around.isActivation(x) || weight?.dims.length !== 2 || getInt(node, 'transA', 0) !== 0) return undefined;
  const channels = getInt(node, 'transB', 0) === 0 ? 1 : 0;
  const factor = getFloat(node, 'alpha', 1);
  const beta = getFloat(node, 'beta', 1);
  if (biasName === '') return { kind: 'weighted', weight, channels, factor, bias: undefined, givesFloat: true };
  const bias = around.floats(biasName);
  const count = weight.dims[channels] ?? 1;
  // [count], [1, count] or one number for all; one a row of the batch is something else.
  if (bias === undefined || (bias.size !== 1 && (bias.size !== count || bias.dims.at(-1) !== count))) return undefined;
  const elements = bias.float32s();
  const perChannel = Float32Array.from({ length: count }, (_, i) => beta * (elements[bias.size === 1 ? 0 : i] ?? 0));
  return { kind: 'weighted', weight, channels, factor, bias: perChannel, givesFloat: true };
}

function matMul(node: Node, around: Surroundings): WeightedLayer | undefined {
  const [x = '', weightName = ''] = node.inputs;
  const weight = around.floats(weightName);
  if (!around.isActivation(x) || weight?.dims.length !== 2) return undefined;
  return { kind: 'weighted', weight, channels: 1, factor: 1, bias: undefined, givesFloat: true };
}

const MOVING: ReadonlySet<string> = new Set([
  'DepthToSpace',
  'Expand',
  'Flatten',
  'Gather',
  'Identity',
  'MaxPool',
  'Pad',
  'Reshape',
  'Slice',
  'SpaceToDepth',
  'Split',
  'Squeeze',
  'Tile',
  'Transpose',
  'Unsqueeze',
]);

/**
 * Whether the node only moves the elements of its first input (a maximum moves one of several), so that it may be done on
 * the integers as well, with the scale that they have.
 */
export function moves(node: Node, around: Surroundings): boolean {
  if (node.domain !== '' || !MOVING.has(node.opType)) return false;
  // Indices of MaxPool.
  if (node.opType === 'MaxPool' && node.outputs.length > 1) return false;
  if (!isConstantPad(node)) return true;
  const value = node.inputs[2] ?? '';
  return value === '' || around.numbers(value)?.every((number) => number === 0) === true;
}

/** Whether the node pads with a number. */
export function isConstantPad(node: Node): boolean {
  return node.opType === 'Pad' && getString(node, 'mode', 'constant') === 'constant';
}

/** What Relu or Clip cuts off, where that leaves 0 as it is; undefined for other nodes. */
export function boundsOf(node: Node, around: Surroundings): readonly [low: number, high: number] | undefined {
  if (node.domain !== '') return undefined;
  if (node.opType === 'Relu') return [0, Number.POSITIVE_INFINITY];
  if (node.opType !== 'Clip') return undefined;
  const bound = (i: number, open: number): number | undefined => {
    const name = node.inputs[i] ?? '';
    return name === '' ? open : around.numbers(name)?.[0];
  };
  const low = bound(1, Number.NEGATIVE_INFINITY);
  const high = bound(2, Number.POSITIVE_INFINITY);
  if (low === undefined || high === undefined || !(low <= 0 && high >= 0)) return undefined;
  return [low, high];
}
