/**
 * Who makes a value and who uses it. Subgraphs (If, Loop, Scan) see the values around them by name; every question here
 * counts what they capture as used by the node that holds them.
 */
import { SkeinError } from '../base/index.ts';
import { subgraphsOf } from './attribute.ts';
import { describeNode, type Graph, type Node } from './model.ts';

/** The node that makes each value. */
export function producersOf(graph: Pick<Graph, 'nodes'>): Map<string, Node> {
  const producers = new Map<string, Node>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) if (output !== '') producers.set(output, node);
  }
  return producers;
}

/** The nodes that use each value, in order, each node once. Graph outputs are no nodes: see `graph.outputs`. */
export function consumersOf(graph: Pick<Graph, 'nodes'>): Map<string, Node[]> {
  const consumers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of usedBy(node)) {
      const users = consumers.get(name);
      if (users === undefined) consumers.set(name, [node]);
      else users.push(node);
    }
  }
  return consumers;
}

/** Every value that a node needs: its inputs and what its subgraphs capture. */
export function usedBy(node: Node): Set<string> {
  const used = new Set(node.inputs);
  used.delete('');
  for (const graph of subgraphsOf(node)) for (const name of capturedBy(graph)) used.add(name);
  return used;
}

/** Values that a subgraph takes from the graphs around it. */
export function capturedBy(graph: Graph): Set<string> {
  const own = new Set<string>([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.keys(),
    ...graph.sparseInitializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const captured = new Set<string>();
  for (const node of graph.nodes) for (const name of usedBy(node)) if (!own.has(name)) captured.add(name);
  for (const { name } of graph.outputs) if (!own.has(name)) captured.add(name);
  return captured;
}

/** Every name that stands for a value anywhere in the graph, subgraphs included; a new value must have none of these. */
export function valueNames(graph: Graph): Set<string> {
  const names = new Set<string>();
  collect(graph, names);
  names.delete('');
  return names;
}

function collect(graph: Graph, names: Set<string>): void {
  for (const { name } of graph.inputs) names.add(name);
  for (const { name } of graph.outputs) names.add(name);
  for (const name of graph.initializers.keys()) names.add(name);
  for (const name of graph.sparseInitializers.keys()) names.add(name);
  for (const node of graph.nodes) {
    for (const name of node.inputs) names.add(name);
    for (const name of node.outputs) names.add(name);
    for (const inner of subgraphsOf(node)) collect(inner, names);
  }
}

/**
 * The nodes, each after those whose outputs it uses; in the given order where that is free.
 * @throws SkeinError 'invalid-argument' if they form a cycle
 */
export function topologicalSort(nodes: readonly Node[]): Node[] {
  const producers = producersOf({ nodes });
  const waitsFor = new Map<Node, number>();
  const unblocks = new Map<Node, Node[]>();
  for (const node of nodes) {
    const before = new Set<Node>();
    for (const name of usedBy(node)) {
      const producer = producers.get(name);
      if (producer !== undefined) before.add(producer);
    }
    waitsFor.set(node, before.size);
    for (const producer of before) {
      const after = unblocks.get(producer);
      if (after === undefined) unblocks.set(producer, [node]);
      else after.push(node);
    }
  }
  const order = new Map(nodes.map((node, i) => [node, i]));
  const position = (node: Node): number => order.get(node) ?? 0;
  const ready = new ReadyNodes(position);
  for (const node of nodes) if (waitsFor.get(node) === 0) ready.push(node);
  const sorted: Node[] = [];
  for (let node = ready.pop(); node !== undefined; node = ready.pop()) {
    sorted.push(node);
    for (const next of unblocks.get(node) ?? []) {
      const left = (waitsFor.get(next) ?? 0) - 1;
      waitsFor.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  if (sorted.length < nodes.length) {
    const stuck = nodes.find((node) => (waitsFor.get(node) ?? 0) > 0) as Node;
    throw new SkeinError('invalid-argument', `The graph has a cycle through ${describeNode(stuck)}`);
  }
  return sorted;
}

/** A binary heap: the ready node that came first in the given order comes out first. */
class ReadyNodes {
  readonly #heap: Node[] = [];
  readonly #position: (node: Node) => number;

  constructor(position: (node: Node) => number) {
    this.#position = position;
  }

  push(node: Node): void {
    const heap = this.#heap;
    let at = heap.push(node) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): Node | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= heap.length) return first;
      const child = left + 1 < heap.length && this.#before(left + 1, left) ? left + 1 : left;
      if (!this.#before(child, at)) return first;
      this.#swap(child, at);
      at = child;
    }
  }

  #before(a: number, b: number): boolean {
    return this.#position(this.#heap[a] as Node) < this.#position(this.#heap[b] as Node);
  }

  #swap(a: number, b: number): void {
    const held = this.#heap[a] as Node;
    this.#heap[a] = this.#heap[b] as Node;
    this.#heap[b] = held;
  }
}
