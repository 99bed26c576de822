/** What the layers of GraphBuilder may be told. A number stands for the same in height and width. */
import type { Dim } from '../graph/index.ts';
import type { DType } from '../tensor/index.ts';

export type Pair = number | readonly [height: number, width: number];

export interface LayerOptions {
  /** Name of the layer within its scope, for its parameters and nodes; kind and number ('conv1') unless given. */
  readonly name?: string;
}

export interface WindowOptions extends LayerOptions {
  readonly kernel: Pair;
  readonly stride?: Pair;
  /** The same before and after, or [top, left, bottom, right]. */
  readonly padding?: Pair | readonly [top: number, left: number, bottom: number, right: number];
  readonly dilation?: Pair;
}

export interface ConvOptions extends WindowOptions {
  /** Output channels. */
  readonly out: number;
  readonly groups?: number;
  /** True unless told. */
  readonly bias?: boolean;
}

export interface PoolOptions extends WindowOptions {
  readonly ceilMode?: boolean;
}

export interface AveragePoolOptions extends PoolOptions {
  /** Whether padding counts in the average; false unless told (PyTorch's default is true). */
  readonly countIncludePad?: boolean;
}

export interface BatchNormOptions extends LayerOptions {
  readonly epsilon?: number;
  /** Share of the old running statistics that is kept, as in ONNX; 0.9 is PyTorch's momentum 0.1. */
  readonly momentum?: number;
}

export interface LinearOptions extends LayerOptions {
  readonly out: number;
  readonly bias?: boolean;
}

export interface OpOptions {
  readonly name?: string;
  readonly domain?: string;
  /** How many outputs, for operators with several. */
  readonly outputs?: number;
  /** Shape of the first output, where the operator's rule cannot tell it or there is none. */
  readonly shape?: readonly Dim[];
  /** Type of the first output, likewise. */
  readonly dtype?: DType;
}

export function pair(value: Pair): [number, number] {
  return typeof value === 'number' ? [value, value] : [value[0], value[1]];
}

/** ONNX's order: [top, left, bottom, right]. */
export function fourPads(padding: WindowOptions['padding']): [number, number, number, number] {
  if (padding === undefined) return [0, 0, 0, 0];
  if (typeof padding === 'number') return [padding, padding, padding, padding];
  if (padding.length === 4) return [padding[0], padding[1], padding[2], padding[3]];
  return [padding[0], padding[1], padding[0], padding[1]];
}
