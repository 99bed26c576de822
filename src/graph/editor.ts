/**
 * A working copy of a graph, for passes: nodes are exchanged, inserted and removed, values renamed, and `build` gives a
 * new graph, sorted. The graph that it was made from stays as it is, and unchanged nodes and tensors are shared with it.
 */
import { SkeinError } from '../base/index.ts';
import { type Attribute, subgraphsOf } from './attribute.ts';
import { describeNode, type Graph, type Node, type ValueInfo } from './model.ts';
import { makeNode, type NodeInit } from './node.ts';
import type { Tensor } from './tensor.ts';
import { topologicalSort, usedBy, valueNames } from './traversal.ts';

export class GraphEditor {
  readonly inputs: ValueInfo[];
  readonly outputs: ValueInfo[];
  readonly initializers: Map<string, Tensor>;
  readonly #graph: Graph;
  readonly #nodes: Set<Node>;
  readonly #names: Set<string>;
  #changed = false;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.inputs = [...graph.inputs];
    this.outputs = [...graph.outputs];
    this.initializers = new Map(graph.initializers);
    this.#nodes = new Set(graph.nodes);
    this.#names = valueNames(graph);
  }

  /** The nodes now, new ones last. A snapshot: it may be edited while it is walked. */
  get nodes(): readonly Node[] {
    return [...this.#nodes];
  }

  /** Whether a node, an initializer or a name was changed through this editor. */
  get changed(): boolean {
    return this.#changed;
  }

  /** A value name that nothing in the graph has: `base`, or with a number after it; it is taken from then on. */
  freshName(base: string): string {
    let name = base;
    for (let i = 1; this.#names.has(name); i++) name = `${base}_${i}`;
    this.#names.add(name);
    return name;
  }

  /** Adds a node; one of plain values may leave out `outputs` and gets one with a fresh name. */
  addNode(init: Node | (Omit<NodeInit, 'outputs'> & { readonly outputs?: readonly string[] })): Node {
    const outputs = init.outputs ?? [this.freshName(`${init.name ?? init.opType}_output`)];
    const node = isNode(init) ? init : makeNode({ ...init, outputs });
    for (const name of node.outputs) this.#names.add(name);
    this.#nodes.add(node);
    this.#changed = true;
    return node;
  }

  /** Adds an initializer under a fresh name made from `base`, which it returns. */
  addInitializer(base: string, tensor: Tensor): string {
    const name = this.freshName(base);
    this.initializers.set(name, tensor);
    this.#changed = true;
    return name;
  }

  removeNode(node: Node): void {
    this.#require(node);
    this.#nodes.delete(node);
    this.#changed = true;
  }

  /** Puts `after` in the place of `before`. */
  replaceNode(before: Node, after: Node): void {
    this.#require(before);
    if (before === after) return;
    const nodes = [...this.#nodes];
    this.#nodes.clear();
    for (const node of nodes) this.#nodes.add(node === before ? after : node);
    for (const name of after.outputs) this.#names.add(name);
    this.#changed = true;
  }

  /** Makes every node, subgraphs included, use `after` where it used `before`. Graph outputs keep their names. */
  replaceUses(before: string, after: string): void {
    const nodes = [...this.#nodes];
    const renamed = nodes.map((node) => renameUses(node, before, after));
    if (renamed.every((node, i) => node === nodes[i])) return;
    this.#nodes.clear();
    for (const node of renamed) this.#nodes.add(node);
    this.#changed = true;
  }

  /** Removes every node and then every initializer that no output needs; returns how many went. */
  removeUnused(): number {
    const needed = new Set(this.outputs.map(({ name }) => name));
    const kept: Node[] = [];
    let removed = 0;
    for (const node of topologicalSort(this.nodes).reverse()) {
      if (!node.outputs.some((output) => needed.has(output))) {
        this.#nodes.delete(node);
        removed++;
        continue;
      }
      kept.push(node);
      for (const name of usedBy(node)) needed.add(name);
    }
    const inputs = new Set(this.inputs.map(({ name }) => name));
    for (const name of [...this.initializers.keys()]) {
      if (needed.has(name) || inputs.has(name)) continue;
      this.initializers.delete(name);
      removed++;
    }
    if (removed > 0) this.#changed = true;
    return removed;
  }

  /** The edited graph, its nodes sorted. @throws SkeinError 'invalid-argument' if they form a cycle */
  build(): Graph {
    const nodes = topologicalSort([...this.#nodes]);
    const made = new Set(nodes.flatMap(({ outputs }) => outputs));
    return {
      ...this.#graph,
      inputs: this.inputs,
      outputs: this.outputs,
      initializers: this.initializers,
      nodes,
      valueInfos: new Map(
        [...this.#graph.valueInfos].filter(([name]) => made.has(name) || this.initializers.has(name)),
      ),
    };
  }

  #require(node: Node): void {
    if (!this.#nodes.has(node)) throw new SkeinError('internal', `The graph has no ${describeNode(node)} to change`);
  }
}

function isNode(init: object): init is Node {
  return 'attributes' in init && init.attributes instanceof Map;
}

/** The node with `after` wherever it, or a subgraph in it, uses `before`; the node itself where it does not. */
export function renameUses(node: Node, before: string, after: string): Node {
  const captures = subgraphsOf(node).length > 0 && usedBy(node).has(before);
  if (!captures && !node.inputs.includes(before)) return node;
  const inputs = node.inputs.map((name) => (name === before ? after : name));
  const attributes = new Map(
    [...node.attributes].map(([name, attribute]) => [name, renameInAttribute(attribute, before, after)]),
  );
  return { ...node, inputs, attributes };
}

function renameInAttribute(attribute: Attribute, before: string, after: string): Attribute {
  if (attribute.kind === 'graph') return { ...attribute, value: renameInGraph(attribute.value, before, after) };
  if (attribute.kind !== 'graphs') return attribute;
  return { ...attribute, value: attribute.value.map((graph) => renameInGraph(graph, before, after)) };
}

function renameInGraph(graph: Graph, before: string, after: string): Graph {
  const outputs = graph.outputs.map((output) => (output.name === before ? { ...output, name: after } : output));
  return { ...graph, outputs, nodes: graph.nodes.map((node) => renameUses(node, before, after)) };
}
