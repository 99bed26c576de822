/**
 * Where each parameter lies in the one vector that training keeps them in. An optimizer then has a handful of nodes over
 * one tensor instead of a handful for each of hundreds, and the weights of a step are one value in and one out.
 */
import { listNames, SkeinError } from '../base/index.ts';
import { type Graph, type Model, makeNode, type Node, Tensor } from '../graph/index.ts';
import { productWeights, trainableInitializers } from '../ops/index.ts';
import { elementCount, type Shape } from '../tensor/index.ts';

/** One initializer's place in a vector. */
export interface Slot {
  readonly name: string;
  readonly dims: Shape;
  /** In elements. */
  readonly offset: number;
  readonly size: number;
}

export interface VectorLayout {
  readonly slots: readonly Slot[];
  readonly size: number;
}

export interface ParameterLayout extends VectorLayout {
  /** So many elements at the front are weights of convolutions and matrix products; weight decay spares what lies behind. */
  readonly decayed: number;
}

/**
 * The trainable float32 initializers whose name `frozen` does not claim, weights before vectors.
 * @throws SkeinError 'invalid-argument' where none is left, 'unsupported' naming weights of other types that are not frozen
 */
export function parameterLayout(graph: Graph, frozen: (name: string) => boolean = () => false): ParameterLayout {
  const trainable = trainableInitializers(graph);
  const isFloat32 = (name: string): boolean => graph.initializers.get(name)?.dtype === 'float32';
  const floats = trainable.filter(isFloat32);
  const names = floats.filter((name) => !frozen(name));
  if (names.length === 0) {
    const why =
      floats.length === 0
        ? 'it has no float32 weights; take it from before it was quantised or converted'
        : `all of its ${floats.length} trainable initializers are frozen`;
    throw new SkeinError('invalid-argument', `Cannot train the model: ${why}`);
  }
  const others = trainable.filter((name) => !isFloat32(name) && !frozen(name));
  if (others.length > 0) {
    const told = others.map((name) => `'${name}' ${graph.initializers.get(name)?.dtype}`);
    throw new SkeinError(
      'unsupported',
      `Cannot train the model: its weights must be float32, received ${listNames(told)}; take it from before these were quantised or converted, or freeze them`,
    );
  }
  const decaying = productWeights(graph);
  const isWeight = (name: string): boolean => decaying.has(name);
  const weights = names.filter(isWeight);
  const decayed = vectorLayout(graph, weights).size;
  return { ...vectorLayout(graph, [...weights, ...names.filter((name) => !isWeight(name))]), decayed };
}

export function vectorLayout(graph: Graph, names: readonly string[]): VectorLayout {
  let size = 0;
  const slots = names.map((name): Slot => {
    const dims = graph.initializers.get(name)?.dims ?? [];
    const slot = { name, dims, offset: size, size: elementCount(dims) };
    size += slot.size;
    return slot;
  });
  return { slots, size };
}

/** The initializers' values in one vector. */
export function packed(graph: Graph, { slots, size }: VectorLayout): Float32Array {
  const vector = new Float32Array(size);
  for (const { name, offset } of slots) vector.set(graph.initializers.get(name)?.float32s() ?? [], offset);
  return vector;
}

/** The graph with the values of the vector in its initializers; it keeps views of it. */
export function unpacked(graph: Graph, { slots }: VectorLayout, vector: Float32Array): Graph {
  const initializers = new Map(graph.initializers);
  for (const { name, dims, offset, size } of slots) {
    initializers.set(name, Tensor.float32(dims, vector.subarray(offset, offset + size)));
  }
  return { ...graph, initializers };
}

/** The model with a vector as input `input` in place of the initializers that lie in it. */
export function withVectorInput(model: Model, input: string, { slots, size }: VectorLayout): Model {
  if (slots.length === 0) return model;
  const initializers = new Map(model.graph.initializers);
  const constant = (name: string, values: readonly number[]): string => {
    initializers.set(name, Tensor.int64s(values));
    return name;
  };
  const parts = slots.map(({ name }) => `${input}/${name}`);
  const sizes = constant(
    `${input}/sizes`,
    slots.map((slot) => slot.size),
  );
  const nodes: Node[] = [
    makeNode({
      name: `${input}/Split`,
      opType: 'Split',
      inputs: [input, sizes],
      outputs: parts,
      attributes: { axis: 0 },
    }),
  ];
  for (const [i, { name, dims }] of slots.entries()) {
    initializers.delete(name);
    const shape = constant(`${input}/${name}/shape`, dims);
    const inputs = [parts[i] as string, shape];
    nodes.push(makeNode({ name: `${input}/${name}/Reshape`, opType: 'Reshape', inputs, outputs: [name] }));
  }
  const inside = new Set(slots.map(({ name }) => name));
  const inputs = [
    ...model.graph.inputs.filter(({ name }) => !inside.has(name)),
    { name: input, type: { dtype: 'float32' as const, dims: [size] } },
  ];
  return { ...model, graph: { ...model.graph, inputs, initializers, nodes: [...nodes, ...model.graph.nodes] } };
}
