/**
 * Appends nodes to a model's graph, knowing type and shape of every value. What was written before, by the model itself
 * or here, is not written again: the same operator on the same inputs gives the value that is there already.
 */
import { SkeinError } from '../base/index.ts';
import {
  type AttributeLike,
  type Dim,
  FreshNames,
  type Model,
  makeNode,
  type Node,
  subgraphsOf,
  type Tensor,
  type ValueInfo,
  type ValueType,
  valueNames,
} from '../graph/index.ts';
import { infer, inferNode, type KnownValue, knownFromTensor } from '../ops/index.ts';
import type { DType } from '../tensor/index.ts';

export type Attributes = Readonly<Record<string, AttributeLike | undefined>>;

/** Operators that give something else each time. */
const RANDOM: ReadonlySet<string> = new Set([
  'Bernoulli',
  'Dropout',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
]);

/** From here on axes are inputs, as in what the rules write. */
export const OLDEST_OPSET = 13;
/** The engine reads no newer ones. */
const NEWEST_OPSET = 26;

export class GraphWriter {
  readonly opset: number;
  readonly #model: Model;
  readonly #nodes: Node[];
  readonly #inputs: ValueInfo[];
  readonly #initializers: Map<string, Tensor>;
  readonly #types: Map<string, ValueType>;
  readonly #values: Map<string, KnownValue>;
  readonly #names: FreshNames;
  readonly #domains = new Map<string, number>();
  /** The outputs of each node by what it computes, and of each small constant by its value. */
  readonly #written = new Map<string, readonly string[]>();
  #scope = '';

  /**
   * @throws SkeinError 'unsupported' for a model of an older operator set than the nodes that are written, 'invalid-argument'
   * if its shapes contradict each other
   */
  constructor(model: Model) {
    this.#model = model;
    this.opset = model.opsets.get('') ?? 0;
    if (this.opset < OLDEST_OPSET) {
      throw new SkeinError(
        'unsupported',
        `Cannot differentiate the model: it must use operator set ${OLDEST_OPSET} or newer, received ${this.opset}; lift it beforehand (liftOpset)`,
      );
    }
    if (this.opset > NEWEST_OPSET) {
      throw new SkeinError(
        'unsupported',
        `Cannot differentiate the model: it must use an operator set up to ${NEWEST_OPSET}, received ${this.opset}; export it anew (opset_version=17)`,
      );
    }
    this.#nodes = [...model.graph.nodes];
    this.#inputs = [...model.graph.inputs];
    this.#initializers = new Map(model.graph.initializers);
    this.#names = new FreshNames(valueNames(model.graph));
    const { types, values } = infer(model);
    this.#types = new Map(types);
    this.#values = new Map(values);
    for (const node of this.#nodes) {
      const key = keyOf(node);
      if (key !== undefined && !this.#written.has(key)) this.#written.set(key, node.outputs);
    }
  }

  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  get types(): ReadonlyMap<string, ValueType> {
    return this.#types;
  }

  get values(): ReadonlyMap<string, KnownValue> {
    return this.#values;
  }

  dims(value: string): readonly Dim[] | undefined {
    return this.#types.get(value)?.dims;
  }

  dtype(value: string): DType | undefined {
    return this.#types.get(value)?.dtype;
  }

  /**
   * Where the type of a value gets lost: the first node on the way to it whose outputs are not known though its inputs are.
   * Undefined where that is no node.
   */
  unknownSince(value: string): Node | undefined {
    const isKnown = (name: string): boolean =>
      name === '' || (this.dtype(name) !== undefined && this.dims(name) !== undefined);
    let since: Node | undefined;
    for (let at: string | undefined = value; at !== undefined && !isKnown(at); ) {
      const name: string = at;
      const node = this.#nodes.find(({ outputs }) => outputs.includes(name));
      since = node ?? since;
      at = node?.inputs.find((input) => !isKnown(input));
    }
    return since;
  }

  /** A new graph input. @throws SkeinError 'invalid-argument' where the graph has a value of that name */
  input(name: string, dtype: DType, dims: readonly Dim[]): string {
    this.claim(name);
    const type = { dtype, dims };
    this.#inputs.push({ name, type });
    this.#types.set(name, type);
    return name;
  }

  /** Takes a name that must be free. @throws SkeinError 'invalid-argument' where it is not */
  claim(name: string): void {
    if (this.#names.has(name)) {
      throw new SkeinError('invalid-argument', `The graph has a value '${name}' already: rename it first`);
    }
    this.#names.take(name);
  }

  /** A name that nothing in the graph has: `base`, or with a number after it; it is taken from then on. */
  freshName(base: string): string {
    return this.#names.make(base);
  }

  /**
   * Nodes of another operator set than the standard one are going to be appended.
   * @throws SkeinError 'unsupported' where the model uses another version of it
   */
  importDomain(domain: string, version: number): void {
    const there = this.#model.opsets.get(domain) ?? this.#domains.get(domain) ?? version;
    if (there !== version) {
      throw new SkeinError(
        'unsupported',
        `The graph uses version ${there} of the operator set '${domain}', received nodes of version ${version}: export both models with the same`,
      );
    }
    this.#domains.set(domain, version);
  }

  /** A constant; one of few elements that is there already is used again. */
  constant(tensor: Tensor): string {
    const known = knownFromTensor(tensor);
    const key = known === undefined ? undefined : `= ${tensor.dtype} [${tensor.dims}] ${known.elements.map(exact)}`;
    const there = key === undefined ? undefined : this.#written.get(key)?.[0];
    if (there !== undefined) return there;
    const name = this.#names.make('constant');
    this.#initializers.set(name, tensor);
    this.#types.set(name, { dtype: tensor.dtype, dims: tensor.dims });
    if (known !== undefined) this.#values.set(name, known);
    if (key !== undefined) this.#written.set(key, [name]);
    return name;
  }

  /** Nodes made inside `make` are named after `scope`. */
  scope<T>(scope: string, make: () => T): T {
    const outer = this.#scope;
    this.#scope = scope;
    try {
      return make();
    } finally {
      this.#scope = outer;
    }
  }

  /** Any operator with one output. Whole numbers in `attributes` are ints: see `makeAttribute`. */
  op(opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    return this.ops(opType, inputs, attributes, 1)[0] as string;
  }

  ops(opType: string, inputs: readonly string[], attributes: Attributes, outputs: number): readonly string[] {
    const made = Array.from({ length: outputs }, () => '');
    const draft = makeNode({ opType, inputs, outputs: made, attributes });
    const key = keyOf(draft);
    const there = key === undefined ? undefined : this.#written.get(key);
    if (there?.every((name) => name !== '') && there.length === outputs) return there;
    const name = this.#names.make(this.#scope === '' ? opType : `${this.#scope}/${opType}`);
    const node: Node = {
      ...draft,
      name,
      outputs: made.map((_, i) => this.#names.make(i === 0 ? `${name}_y` : `${name}_y${i}`)),
    };
    this.append(node);
    if (key !== undefined) this.#written.set(key, node.outputs);
    return node.outputs;
  }

  /** Adds a node as it is. */
  append(node: Node): void {
    for (const output of node.outputs) this.#names.take(output);
    inferNode(node, this.#types, this.#values, new Map());
    this.#nodes.push(node);
  }

  /** Puts nodes that compute the same in place of one; names of new values among them are from `freshName`. */
  replace(node: Node, others: readonly Node[]): void {
    if (others[0] === node) return;
    for (const other of others) inferNode(other, this.#types, this.#values, new Map());
    this.#nodes.splice(this.#nodes.indexOf(node), 1, ...others);
  }

  /** Output `i` of a node that is in the graph, asked for from now on where it was not. */
  output(node: Node, i: number): string {
    const at = this.#nodes.findIndex(({ outputs }) => outputs[0] === node.outputs[0]);
    const there = this.#nodes[at] as Node;
    const known = there.outputs[i];
    if (known !== undefined && known !== '') return known;
    const name = this.#names.make(`${there.outputs[0]}_y${i}`);
    const outputs = Array.from({ length: Math.max(there.outputs.length, i + 1) }, (_, j) => there.outputs[j] ?? '');
    const wider: Node = { ...there, outputs: outputs.with(i, name) };
    inferNode(wider, this.#types, this.#values, new Map());
    this.#nodes[at] = wider;
    return name;
  }

  /** The model with what was written, and these outputs: what a value should be called, by the value. */
  build(outputs: ReadonlyMap<string, string>): Model {
    const { graph } = this.#model;
    const nodes = [...this.#nodes];
    const infos: ValueInfo[] = [];
    for (const [name, value] of outputs) {
      // A copy, so that a value may be several outputs; the engine takes it out again.
      if (name !== value)
        nodes.push(makeNode({ name: `${name}/Identity`, opType: 'Identity', inputs: [value], outputs: [name] }));
      infos.push({ name, type: this.#types.get(value) });
    }
    return {
      ...this.#model,
      opsets: new Map([...this.#domains, ...this.#model.opsets]),
      graph: { ...graph, inputs: this.#inputs, outputs: infos, initializers: this.#initializers, nodes },
    };
  }
}

/** What a node computes, as text; undefined where the same node may compute something else. */
function keyOf(node: Node): string | undefined {
  if (RANDOM.has(node.opType) || subgraphsOf(node).length > 0) return undefined;
  const attributes: string[] = [];
  for (const [name, { kind, value }] of [...node.attributes].map(
    ([key, each]) => [key, { value: undefined, ...each }] as const,
  )) {
    if (kind !== 'float' && kind !== 'int' && kind !== 'string' && kind !== 'floats' && kind !== 'ints')
      return undefined;
    attributes.push(`${name}=${kind}:${String(value)}`);
  }
  return `${node.domain} ${node.opType}(${JSON.stringify(node.inputs)}) ${attributes.sort().join(' ')} → ${node.outputs.length}`;
}

/** Text that tells −0 from 0. */
function exact(element: unknown): string {
  return Object.is(element, -0) ? '-0' : String(element);
}
