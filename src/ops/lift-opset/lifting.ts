/**
 * What the rules of opset-changes.ts see of the graph that is lifted: what is known for certain of values, new constants
 * and names, and who still uses an output.
 */
import { SkeinError } from '../../base/index.ts';
import {
  type Dim,
  describeNode,
  type FreshNames,
  type Graph,
  type Node,
  type Tensor,
  usedBy,
  type ValueType,
} from '../../graph/index.ts';
import type { DType } from '../../tensor/index.ts';
import { type Inference, inferNode } from '../infer-shapes.ts';
import { isConstant, type KnownValue, knownFromTensor } from '../known-value.ts';

/**
 * One change of an operator: its node as the older version writes it, as nodes of the newer one. Each of their outputs has
 * the name, and the numbers, that it had.
 */
export type OpsetChange = (node: Node, lifting: Lifting) => Node | readonly Node[];

export interface Versions {
  readonly from: number;
  readonly to: number;
  /** Names of the whole model: a graph inside a node shares them with those around. */
  readonly names: FreshNames;
}

export class Lifting {
  readonly #versions: Versions;
  readonly #types: Map<string, ValueType>;
  readonly #values: Map<string, KnownValue>;
  readonly #used: ReadonlySet<string>;
  readonly #declared: ReadonlyMap<string, ValueType>;
  readonly #constants = new Map<string, Tensor>();

  /** @param before what is known for certain of its inputs, its initializers and the values around it */
  constructor(graph: Graph, before: Inference, versions: Versions) {
    this.#versions = versions;
    this.#types = new Map(before.types);
    this.#values = new Map(before.values);
    this.#used = new Set([
      ...graph.outputs.map(({ name }) => name),
      ...graph.nodes.flatMap((node) => [...usedBy(node)]),
    ]);
    this.#declared = declaredElements(graph);
  }

  /** What the changes wrote, to be initializers of the graph. */
  get constants(): ReadonlyMap<string, Tensor> {
    return this.#constants;
  }

  /** What is known behind the nodes so far. */
  get known(): Inference {
    return { types: this.#types, values: this.#values };
  }

  /** A lifted node, after those before it. @throws SkeinError 'invalid-argument' if its shapes contradict */
  append(node: Node): void {
    inferNode(node, this.#types, this.#values, this.#declared);
  }

  dims(value: string): readonly Dim[] | undefined {
    return this.#types.get(value)?.dims;
  }

  dtype(value: string): DType | undefined {
    return this.#types.get(value)?.dtype;
  }

  /** The elements of a small constant. */
  numbers(value: string): readonly number[] | undefined {
    const known = this.#values.get(value);
    return known !== undefined && isConstant(known) ? known.elements.map(Number) : undefined;
  }

  isUsed(value: string): boolean {
    return this.#used.has(value);
  }

  /** A new name for what stands beside a node. */
  nameBeside(node: Node, what: string): string {
    return this.#versions.names.make(`${node.name || (node.outputs[0] ?? '')}/${what}`);
  }

  constant(node: Node, what: string, tensor: Tensor): string {
    const name = this.nameBeside(node, what);
    this.#constants.set(name, tensor);
    this.#types.set(name, { dtype: tensor.dtype, dims: tensor.dims });
    const value = knownFromTensor(tensor);
    if (value !== undefined) this.#values.set(name, value);
    return name;
  }

  /** @throws SkeinError 'unsupported' */
  refuse(node: Node, why: string): never {
    const { from, to } = this.#versions;
    throw new SkeinError(
      'unsupported',
      `Cannot lift ${describeNode(node)} from operator set ${from} to ${to}: ${why}; export the model anew (opset_version=17)`,
    );
  }
}

/** The node without these attributes. */
export function withoutAttributes(node: Node, ...names: readonly string[]): Node {
  return { ...node, attributes: new Map([...node.attributes].filter(([name]) => !names.includes(name))) };
}

/**
 * The element types that the file says of inner values: an engine refuses a file where they are wrong. Shapes are another
 * matter, it takes its own.
 */
function declaredElements({ valueInfos, outputs }: Graph): ReadonlyMap<string, ValueType> {
  const types = [...valueInfos.values(), ...outputs].map(({ name, type }): [string, ValueType] => [
    name,
    { dtype: type?.dtype, dims: undefined },
  ]);
  return new Map(types);
}
