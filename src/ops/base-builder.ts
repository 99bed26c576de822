/**
 * The part of GraphBuilder that knows no layer: values and their shapes, parameters, nodes, scopes, and the finished
 * model.
 */
import { Random, SkeinError } from '../base/index.ts';
import {
  type AttributeLike,
  type Dim,
  describeNode,
  FreshNames,
  type Model,
  makeNode,
  type Node,
  renameUses,
  Tensor,
  type ValueInfo,
  type ValueType,
  validateModel,
} from '../graph/index.ts';
import { type DType, elementCount, formatShape, type Shape } from '../tensor/index.ts';
import type { OpOptions } from './builder-options.ts';
import { unified } from './dims.ts';
import { inferNode } from './infer-shapes.ts';
import type { Initialization } from './initialize.ts';
import { irVersionFor } from './ir-version.ts';
import { type KnownValue, knownFromTensor } from './known-value.ts';

export interface BuilderOptions {
  /** Version of the standard operator set; 17 unless told. */
  readonly opset?: number;
  /** Of the initial weights; 0 unless told. */
  readonly seed?: number;
  /** Of the weights of convolutions, and with 'zeros' of all; 'kaiming-fan-in' unless told. */
  readonly initialization?: Initialization;
  /** Name of the graph. */
  readonly name?: string;
  /** Type of the parameters; 'float32' unless told. */
  readonly dtype?: 'float32' | 'float64';
}

export class BaseBuilder {
  readonly opset: number;
  readonly dtype: 'float32' | 'float64';
  readonly initialization: Initialization;
  protected readonly random: Random;
  readonly #name: string;
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: { name: string; value: string }[] = [];
  readonly #initializers = new Map<string, Tensor>();
  readonly #nodes: Node[] = [];
  readonly #types = new Map<string, ValueType>();
  readonly #values = new Map<string, KnownValue>();
  readonly #opsets = new Map<string, number>();
  readonly #names = new FreshNames();
  readonly #counters = new Map<string, number>();
  #scope: readonly string[] = [];

  constructor(options: BuilderOptions = {}) {
    this.opset = options.opset ?? 17;
    if (!Number.isInteger(this.opset) || this.opset < 13) {
      throw new SkeinError('invalid-argument', `The builder needs an opset from 13, received ${this.opset}`);
    }
    this.#opsets.set('', this.opset);
    this.#name = options.name ?? 'skein';
    this.dtype = options.dtype ?? 'float32';
    this.initialization = options.initialization ?? 'kaiming-fan-in';
    this.random = new Random(options.seed ?? 0);
  }

  /** A graph input. */
  input(name: string, dtype: DType, dims: readonly Dim[]): string {
    this.#claim(name);
    this.#inputs.push({ name, type: { dtype, dims } });
    this.#types.set(name, { dtype, dims });
    return name;
  }

  /** Makes `value` a graph output under `name`. */
  output(name: string, value: string): void {
    if (!this.#types.has(value)) throw new SkeinError('invalid-argument', `The builder has no value '${value}'`);
    if (this.#outputs.some((output) => output.name === name) || (this.#names.has(name) && name !== value)) {
      throw new SkeinError('invalid-argument', `The builder has a value '${name}' already: choose another output name`);
    }
    this.#outputs.push({ name, value });
  }

  /** An initializer of the current scope: a parameter or a constant. */
  initializer(name: string, tensor: Tensor): string {
    const full = [...this.#scope, name].join('.');
    this.#claim(full);
    this.#initializers.set(full, tensor);
    this.#types.set(full, { dtype: tensor.dtype, dims: tensor.dims });
    const value = knownFromTensor(tensor);
    if (value !== undefined) this.#values.set(full, value);
    return full;
  }

  /** A parameter of `this.dtype` with these elements, or all of them `fill`. */
  parameter(name: string, dims: Shape, fill: ArrayLike<number> | number): string {
    const elements = typeof fill === 'number' ? new Float32Array(elementCount(dims)).fill(fill) : fill;
    return this.initializer(name, Tensor.of(this.dtype, dims, elements));
  }

  /** A small constant, an initializer under a name of its own. */
  constant(tensor: Tensor): string {
    return this.initializer(this.layerName('constant'), tensor);
  }

  /** Any operator with one output. Whole numbers in `attributes` are ints: see `makeAttribute`. */
  op(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeLike | undefined>> = {},
    options: OpOptions = {},
  ): string {
    return this.ops(opType, inputs, attributes, { ...options, outputs: 1 })[0] as string;
  }

  /** Any operator, with `options.outputs` outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeLike | undefined>> = {},
    options: OpOptions = {},
  ): string[] {
    for (const input of inputs) {
      if (input !== '' && !this.#types.has(input)) {
        throw new SkeinError('invalid-argument', `The builder has no value '${input}' for ${opType}`);
      }
    }
    const name = this.#names.make(
      ['', ...this.#scope.flatMap((part) => part.split('.')), options.name ?? opType].join('/'),
    );
    const domain = options.domain ?? '';
    if (!this.#opsets.has(domain)) this.#opsets.set(domain, 1);
    const outputs = Array.from({ length: options.outputs ?? 1 }, (_, i) => this.#names.make(`${name}_output_${i}`));
    const node = makeNode({ name, opType, domain, inputs, outputs, attributes });
    this.#infer(node, options);
    this.#nodes.push(node);
    return outputs;
  }

  /** Layers made inside `make` have `name` before their own: `scope('layer1.0', () => …)`. */
  scope<T>(name: string, make: () => T): T {
    const outer = this.#scope;
    this.#scope = [...outer, name];
    try {
      return make();
    } finally {
      this.#scope = outer;
    }
  }

  /** The shape of a value. @throws SkeinError 'invalid-argument' if the builder does not know it */
  dimsOf(value: string): readonly Dim[] {
    const dims = this.#types.get(value)?.dims;
    if (dims !== undefined) return dims;
    throw new SkeinError(
      'invalid-argument',
      `The builder does not know the shape of '${value}': give { shape } to its op`,
    );
  }

  /** The type of a value, where the builder knows it. */
  dtypeOf(value: string): DType | undefined {
    return this.#types.get(value)?.dtype;
  }

  /** The size of one axis. @throws SkeinError 'invalid-argument' if it is not a known number */
  sizeOf(value: string, axis: number): number {
    const dims = this.dimsOf(value);
    const size = dims.at(axis);
    if (typeof size === 'number') return size;
    throw new SkeinError(
      'invalid-argument',
      `Axis ${axis} of '${value}' ${formatShape(dims)} must have a known size here`,
    );
  }

  /** The model. @throws SkeinError 'invalid-argument' if it is not whole (no output, say) */
  build(): Model {
    if (this.#outputs.length === 0)
      throw new SkeinError('invalid-argument', 'The builder has no output yet: call output()');
    let nodes = [...this.#nodes];
    const renamed = new Map<string, string>();
    for (const { name, value } of this.#outputs) {
      if (name === value) continue;
      const made = nodes.findIndex((node) => node.outputs.includes(renamed.get(value) ?? value));
      const node = nodes[made];
      if (node === undefined || renamed.has(value) || this.#outputs.some((output) => output.name === value)) {
        // A graph input, or a value that is an output already: only a copy can have another name.
        nodes.push(
          makeNode({
            name: `/${name}/Identity`,
            opType: 'Identity',
            inputs: [renamed.get(value) ?? value],
            outputs: [name],
          }),
        );
        continue;
      }
      renamed.set(value, name);
      nodes[made] = { ...node, outputs: node.outputs.map((output) => (output === value ? name : output)) };
      nodes = nodes.map((each) => renameUses(each, new Map([[value, name]])));
    }
    const model: Model = {
      irVersion: irVersionFor(this.opset),
      opsets: this.#opsets,
      producerName: 'skein',
      producerVersion: '',
      graph: {
        name: this.#name,
        inputs: this.#inputs,
        outputs: this.#outputs.map(({ name, value }) => ({ name, type: this.#types.get(value) })),
        initializers: this.#initializers,
        sparseInitializers: new Map(),
        nodes,
        valueInfos: new Map(),
      },
      functions: [],
      trainingInfos: [],
      metadata: new Map(),
    };
    validateModel(model);
    return model;
  }

  /** `given`, or the kind and its number in the current scope: conv1, conv2. */
  protected layerName(kind: string, given?: string): string {
    if (given !== undefined) return given;
    const key = [...this.#scope, kind].join('.');
    const count = (this.#counters.get(key) ?? 0) + 1;
    this.#counters.set(key, count);
    return `${kind}${count}`;
  }

  /** What the operator's rule says of the outputs, and where it says nothing, the caller. */
  #infer(node: Node, { shape, dtype }: OpOptions): void {
    for (const output of node.outputs) this.#types.set(output, { dtype: undefined, dims: undefined });
    const first = node.outputs[0] ?? '';
    inferNode(node, this.#types, this.#values, new Map([[first, { dtype, dims: shape }]]));
    const inferred = this.#types.get(first)?.dims;
    const agrees = inferred?.length === shape?.length && shape?.every((dim, i) => unified(dim, inferred?.[i]) !== null);
    if (shape !== undefined && inferred !== undefined && !agrees) {
      throw new SkeinError(
        'invalid-argument',
        `The shape of ${describeNode(node)} is ${formatShape(inferred)}, received { shape: ${formatShape(shape)} }`,
      );
    }
  }

  #claim(name: string): void {
    if (this.#names.has(name)) throw new SkeinError('invalid-argument', `The builder has a value '${name}' already`);
    this.#names.take(name);
  }
}
