/** Single operators of old operator sets, and what to feed them. */
import { Random } from '../src/base/index.ts';
import { type Model, makeNode, Tensor } from '../src/graph/index.ts';
import type { NodeInit } from '../src/graph/node.ts';
import { oldModel } from './old-models.ts';
import { feed } from './run-onnx.ts';

type Attributes = NonNullable<NodeInit['attributes']>;

export interface OldOperator {
  readonly opType: string;
  /** Of the float32 input 'x'; ['batch', …] is fed with two. */
  readonly x: readonly (number | string)[];
  readonly attributes?: Attributes;
  readonly constants?: Readonly<Record<string, Tensor>>;
  /** One unless told. */
  readonly outputs?: readonly string[];
}

export function operatorModel(
  opset: number,
  { opType, x, attributes = {}, constants = {}, outputs = ['y'] }: OldOperator,
): Model {
  const node = makeNode({ name: 'n', opType, inputs: ['x', ...Object.keys(constants)], outputs, attributes });
  return oldModel(opset, {
    inputs: [{ name: 'x', type: { dtype: 'float32', dims: x } }],
    nodes: [node],
    outputs: outputs.filter((name) => name !== ''),
    initializers: constants,
  });
}

/** Numbers with ties, signed zeros and infinities among them. */
export function feedsOf(x: OldOperator['x'], seed: number) {
  const dims = x.map((dim) => (typeof dim === 'number' ? dim : 2));
  const random = new Random(seed);
  const special = [0, -0, 1, 1, -1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () =>
    random.integer(8) === 0 ? random.pick(special) : random.normal() * 3,
  );
  return { x: feed('float32', data, dims) };
}

export function vector(...values: number[]): Tensor {
  return Tensor.of('float32', [values.length], values);
}

/** Between 0 and 1. */
export function drawn(dims: readonly number[], seed = 1): Tensor {
  const random = new Random(seed);
  const values = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.uniform());
  return Tensor.of('float32', dims, values);
}
