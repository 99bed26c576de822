/**
 * Attributes of nodes: a tagged union over what ONNX allows. Integers are bigints, since ONNX's are 64 bits wide; the
 * readers below give numbers. What Skein has no use for (type attributes, kinds of a later ONNX) is kept as 'opaque'.
 */
import { SkeinError } from '../base/index.ts';
import { describeNode, type Graph, type Node, type SparseTensor } from './model.ts';
import { Tensor } from './tensor.ts';

export type AttributeValue =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'string'; readonly value: string }
  /** A string attribute that is no UTF-8. */
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'sparse-tensor'; readonly value: SparseTensor }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly bigint[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'bytes-list'; readonly value: readonly Uint8Array[] }
  | { readonly kind: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  | { readonly kind: 'sparse-tensors'; readonly value: readonly SparseTensor[] }
  | { readonly kind: 'opaque' };

/** `rest` is what a file says of the attribute beyond its value; opaque, kept for saving. */
export type Attribute = AttributeValue & { readonly rest?: unknown };
export type AttributeKind = Attribute['kind'];

/** What may stand for an attribute where nodes are made: see `makeAttribute`. */
export type AttributeLike =
  | number
  | bigint
  | string
  | boolean
  | Tensor
  | Attribute
  | readonly (number | bigint | string)[];

/** Attributes of the standard operators that are floats also where their value is whole (alpha: 1). */
const FLOAT_ATTRIBUTES: ReadonlySet<string> = new Set([
  'activation_alpha',
  'activation_beta',
  'alpha',
  'beta',
  'bias',
  'cubic_coeff_a',
  'epsilon',
  'extrapolation_value',
  'gamma',
  'high',
  'lambd',
  'low',
  'max',
  'mean',
  'min',
  'momentum',
  'ratio',
  'scale',
  'scales',
  'seed',
  'spatial_scale',
  'value_float',
  'value_floats',
]);

export const int = (value: number | bigint): Attribute => ({ kind: 'int', value: BigInt(value) });
export const ints = (values: readonly (number | bigint)[]): Attribute => ({ kind: 'ints', value: values.map(BigInt) });
export const float = (value: number): Attribute => ({ kind: 'float', value: Math.fround(value) });
export const floats = (values: readonly number[]): Attribute => ({ kind: 'floats', value: values.map(Math.fround) });
export const subgraph = (value: Graph): Attribute => ({ kind: 'graph', value });

/**
 * An attribute from plain JavaScript: whole numbers are ints unless `name` is one that ONNX's standard operators use for
 * floats only, other numbers floats, booleans 0 and 1. Where that guess is wrong, pass `int(…)`, `float(…)`, `floats(…)`.
 */
export function makeAttribute(name: string, like: AttributeLike): Attribute {
  if (typeof like === 'bigint') return int(like);
  if (typeof like === 'boolean') return int(like ? 1 : 0);
  if (typeof like === 'string') return { kind: 'string', value: like };
  if (typeof like === 'number') return isFloat(name, like) ? float(like) : int(like);
  if (like instanceof Tensor) return { kind: 'tensor', value: like };
  if (!isList(like)) return like;
  if (like.every((item) => typeof item === 'string') && like.length > 0)
    return { kind: 'strings', value: like as string[] };
  if (like.some((item) => typeof item === 'number' && isFloat(name, item))) return floats(like.map(Number));
  return ints(like as (number | bigint)[]);
}

function isList(like: Attribute | readonly unknown[]): like is readonly (number | bigint | string)[] {
  return Array.isArray(like);
}

function isFloat(name: string, value: number): boolean {
  return FLOAT_ATTRIBUTES.has(name) || !Number.isInteger(value);
}

function read<K extends AttributeKind>(node: Node, name: string, kind: K): Extract<Attribute, { kind: K }> | undefined {
  const attribute = node.attributes.get(name);
  if (attribute === undefined) return undefined;
  if (attribute.kind !== kind) {
    throw new SkeinError(
      'invalid-argument',
      `Attribute '${name}' of ${describeNode(node)} must be of kind '${kind}', received '${attribute.kind}'`,
    );
  }
  return attribute as Extract<Attribute, { kind: K }>;
}

/** The int attribute, or `fallback`. @throws SkeinError 'invalid-argument' if it is of another kind (so do all below) */
export function getInt(node: Node, name: string, fallback: number): number;
export function getInt(node: Node, name: string): number | undefined;
export function getInt(node: Node, name: string, fallback?: number): number | undefined {
  const attribute = read(node, name, 'int');
  return attribute === undefined ? fallback : Number(attribute.value);
}

export function getInts(node: Node, name: string): number[] | undefined {
  return read(node, name, 'ints')?.value.map(Number);
}

export function getFloat(node: Node, name: string, fallback: number): number;
export function getFloat(node: Node, name: string): number | undefined;
export function getFloat(node: Node, name: string, fallback?: number): number | undefined {
  return read(node, name, 'float')?.value ?? fallback;
}

export function getFloats(node: Node, name: string): readonly number[] | undefined {
  return read(node, name, 'floats')?.value;
}

export function getString(node: Node, name: string, fallback: string): string;
export function getString(node: Node, name: string): string | undefined;
export function getString(node: Node, name: string, fallback?: string): string | undefined {
  return read(node, name, 'string')?.value ?? fallback;
}

export function getTensor(node: Node, name: string): Tensor | undefined {
  return read(node, name, 'tensor')?.value;
}

/** The graphs inside a node: branches of If, bodies of Loop and Scan. */
export function subgraphsOf(node: Node): readonly Graph[] {
  const graphs: Graph[] = [];
  for (const attribute of node.attributes.values()) {
    if (attribute.kind === 'graph') graphs.push(attribute.value);
    else if (attribute.kind === 'graphs') graphs.push(...attribute.value);
  }
  return graphs;
}
