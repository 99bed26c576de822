/**
 * A working copy of a graph, for passes: nodes are exchanged, inserted and removed, values renamed, and `build` gives a
 * new graph, sorted. The graph that it was made from stays as it is, and unchanged nodes and tensors are shared with it.
 * It knows who makes and who uses each value, so that an edit costs what it touches and not the size of the graph.
 */
import { SkeinError } from '../base/index.ts';
import { FreshNames } from './fresh-names.ts';
import { describeNode, type Graph, type Node, type ValueInfo } from './model.ts';
import { makeNode, type NodeInit } from './node.ts';
import { renameUses } from './rename-uses.ts';
import type { Tensor } from './tensor.ts';
import { topologicalSort, usedBy, valueNames } from './traversal.ts';

export class GraphEditor {
  readonly #graph: Graph;
  readonly #names: FreshNames;
  readonly #initializers: Map<string, Tensor>;
  #inputs: readonly ValueInfo[];
  #outputs: readonly ValueInfo[];
  /** In order; a node and what replaces it have the same place. */
  readonly #nodes = new Map<number, Node>();
  readonly #places = new Map<Node, number>();
  #nextPlace = 0;
  readonly #producers = new Map<string, number>();
  readonly #consumers = new Map<string, Set<number>>();
  /** Values that are not what they were: what the file says of them, and of all that follows from them, may be wrong. */
  readonly #edited = new Set<string>();
  #changed = false;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.#inputs = graph.inputs;
    this.#outputs = graph.outputs;
    this.#initializers = new Map(graph.initializers);
    this.#names = new FreshNames(valueNames(graph));
    for (const node of graph.nodes) this.#link(this.#nextPlace++, node);
  }

  get inputs(): readonly ValueInfo[] {
    return this.#inputs;
  }

  get outputs(): readonly ValueInfo[] {
    return this.#outputs;
  }

  get initializers(): ReadonlyMap<string, Tensor> {
    return this.#initializers;
  }

  /** The nodes now, new ones last. A snapshot: it may be edited while it is walked. */
  get nodes(): readonly Node[] {
    return [...this.#nodes.values()];
  }

  /** Whether anything was changed through this editor. */
  get changed(): boolean {
    return this.#changed;
  }

  /** The node that makes a value now. */
  producerOf(value: string): Node | undefined {
    return this.#nodes.get(this.#producers.get(value) ?? -1);
  }

  /** The nodes that use a value now, in order. Graph outputs are no nodes. */
  consumersOf(value: string): readonly Node[] {
    const places = [...(this.#consumers.get(value) ?? [])].sort((a, b) => a - b);
    return places.map((place) => this.#nodes.get(place) as Node);
  }

  /** A value name that nothing in the graph has: `base`, or with a number after it; it is taken from then on. */
  freshName(base: string): string {
    return this.#names.make(base);
  }

  setInputs(inputs: readonly ValueInfo[]): void {
    const before = new Set(this.#inputs);
    if (inputs.length === before.size && inputs.every((input, i) => input === this.#inputs[i])) return;
    for (const input of inputs) if (!before.has(input)) this.#edit(input.name);
    this.#inputs = [...inputs];
    this.#changed = true;
  }

  setOutputs(outputs: readonly ValueInfo[]): void {
    if (outputs.length === this.#outputs.length && outputs.every((output, i) => output === this.#outputs[i])) return;
    for (const { name } of outputs) this.#names.take(name);
    this.#outputs = [...outputs];
    this.#changed = true;
  }

  /** Adds an initializer under a fresh name made from `base`, which it returns. */
  addInitializer(base: string, tensor: Tensor): string {
    const name = this.freshName(base);
    this.setInitializer(name, tensor);
    return name;
  }

  /** Gives an initializer its value, a new one or another one. */
  setInitializer(name: string, tensor: Tensor): void {
    if (this.#initializers.get(name) === tensor) return;
    this.#initializers.set(name, tensor);
    this.#edit(name);
  }

  removeInitializer(name: string): void {
    if (!this.#initializers.delete(name)) {
      throw new SkeinError('internal', `The graph has no initializer '${name}' to remove`);
    }
    this.#edit(name);
  }

  /** Adds a node; one of plain values may leave out `outputs` and gets one with a fresh name. */
  addNode(init: Node | (Omit<NodeInit, 'outputs'> & { readonly outputs?: readonly string[] })): Node {
    const outputs = init.outputs ?? [this.freshName(`${init.name ?? init.opType}_output`)];
    const node = isNode(init) ? init : makeNode({ ...init, outputs });
    this.#link(this.#nextPlace++, node);
    for (const name of node.outputs) this.#edit(name);
    return node;
  }

  removeNode(node: Node): void {
    this.#nodes.delete(this.#unlink(node));
    this.#changed = true;
  }

  /** Puts `after` in the place of `before`. */
  replaceNode(before: Node, after: Node): void {
    const place = this.#unlink(before);
    this.#link(place, after);
    if (before === after) return;
    for (const name of after.outputs) this.#edit(name);
  }

  /** Makes every node, subgraphs included, use values under new names, by old ones. Graph outputs keep their names. */
  replaceUses(newNames: ReadonlyMap<string, string>): void {
    const places = new Set<number>();
    for (const name of newNames.keys()) for (const place of this.#consumers.get(name) ?? []) places.add(place);
    for (const place of places) {
      const node = this.#nodes.get(place) as Node;
      this.replaceNode(node, renameUses(node, newNames));
    }
  }

  /** Removes every node and then every initializer that no output needs; returns how many went. */
  removeUnused(): number {
    const needed = new Set(this.#outputs.map(({ name }) => name));
    let removed = 0;
    for (const node of topologicalSort(this.nodes).reverse()) {
      if (!node.outputs.some((output) => needed.has(output))) {
        this.removeNode(node);
        removed++;
        continue;
      }
      for (const name of usedBy(node)) needed.add(name);
    }
    const inputs = new Set(this.#inputs.map(({ name }) => name));
    for (const name of [...this.#initializers.keys()]) {
      if (needed.has(name) || inputs.has(name)) continue;
      this.removeInitializer(name);
      removed++;
    }
    return removed;
  }

  /**
   * The edited graph, its nodes sorted. What the file said of an inner value is left out where an edit may have made it
   * wrong. @throws SkeinError 'invalid-argument' if the nodes form a cycle
   */
  build(): Graph {
    const nodes = topologicalSort(this.nodes);
    const known = new Set(this.#initializers.keys());
    const stale = new Set(this.#edited);
    for (const node of nodes) {
      const follows = [...usedBy(node)].some((name) => stale.has(name));
      for (const output of node.outputs) {
        known.add(output);
        if (follows) stale.add(output);
      }
    }
    return {
      ...this.#graph,
      inputs: this.#inputs,
      outputs: this.#outputs,
      initializers: new Map(this.#initializers),
      nodes,
      valueInfos: new Map([...this.#graph.valueInfos].filter(([name]) => known.has(name) && !stale.has(name))),
    };
  }

  #edit(value: string): void {
    if (value !== '') {
      this.#names.take(value);
      this.#edited.add(value);
    }
    this.#changed = true;
  }

  #link(place: number, node: Node): void {
    this.#nodes.set(place, node);
    this.#places.set(node, place);
    for (const name of node.outputs) if (name !== '') this.#producers.set(name, place);
    for (const name of usedBy(node)) {
      const users = this.#consumers.get(name);
      if (users === undefined) this.#consumers.set(name, new Set([place]));
      else users.add(place);
    }
  }

  /** Forgets what a node makes and uses; its place stays. */
  #unlink(node: Node): number {
    const place = this.#places.get(node);
    if (place === undefined) throw new SkeinError('internal', `The graph has no ${describeNode(node)} to change`);
    this.#places.delete(node);
    for (const name of node.outputs) if (this.#producers.get(name) === place) this.#producers.delete(name);
    for (const name of usedBy(node)) this.#consumers.get(name)?.delete(place);
    return place;
  }
}

function isNode(init: object): init is Node {
  return 'attributes' in init && init.attributes instanceof Map;
}
