/**
 * Checks that a graph is one that can be run: every value has exactly one origin, every use comes after it, nothing is
 * cyclic. It says nothing of operators and shapes (`ops/` does).
 */
import { SkeinError } from '../base/index.ts';
import { subgraphsOf } from './attribute.ts';
import { describeNode, type Graph, type Model, type Node } from './model.ts';
import { topologicalSort } from './traversal.ts';

/** @throws SkeinError 'invalid-argument' naming the first value or node that is wrong */
export function validateGraph(graph: Graph): void {
  checkScope(graph, new Set(), graph.name === '' ? 'The graph' : `Graph '${graph.name}'`);
}

/** `validateGraph`, and that every operator set in use is imported. @throws SkeinError 'invalid-argument' */
export function validateModel(model: Model): void {
  validateGraph(model.graph);
  const check = (graph: Pick<Graph, 'nodes'>): void => {
    for (const node of graph.nodes) {
      if (!model.opsets.has(node.domain)) {
        const received = [...model.opsets.keys()].map((domain) => `'${domain}'`).join(', ');
        throw new SkeinError(
          'invalid-argument',
          `The model must import operator set '${node.domain}' of ${describeNode(node)}, it imports ${received}`,
        );
      }
      for (const inner of subgraphsOf(node)) check(inner);
    }
  };
  check(model.graph);
}

function fail(where: string, what: string): never {
  throw new SkeinError('invalid-argument', `${where} ${what}`);
}

function checkScope(graph: Graph, outer: ReadonlySet<string>, where: string): void {
  const known = new Set(outer);
  const origins = new Map<string, string>();
  const define = (name: string, origin: string): void => {
    const before = origins.get(name);
    if (before !== undefined) fail(where, `defines value '${name}' twice: as ${before} and as ${origin}`);
    origins.set(name, origin);
    known.add(name);
  };

  for (const { name } of graph.inputs) define(name, 'a graph input');
  for (const names of [graph.initializers, graph.sparseInitializers]) {
    for (const name of names.keys()) {
      // An initializer that is also an input is that input's default.
      if (origins.get(name) !== 'a graph input') define(name, 'an initializer');
      else origins.set(name, 'an initializer');
    }
  }
  const produced = new Map<string, Node>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      const twin = produced.get(output);
      if (twin !== undefined) {
        fail(where, `defines value '${output}' twice: by ${describeNode(twin)} and by ${describeNode(node)}`);
      }
      if (origins.has(output)) {
        fail(where, `defines value '${output}' twice: as ${origins.get(output)} and by ${describeNode(node)}`);
      }
      produced.set(output, node);
    }
  }
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input === '' || known.has(input)) continue;
      if (produced.has(input)) {
        topologicalSort(graph.nodes);
        fail(
          where,
          `must list its nodes in the order of running: ${describeNode(node)} comes before what makes '${input}'`,
        );
      }
      fail(where, `has no value '${input}', which ${describeNode(node)} uses`);
    }
    for (const inner of subgraphsOf(node)) checkScope(inner, known, `The subgraph of ${describeNode(node)}`);
    for (const output of node.outputs) if (output !== '') known.add(output);
  }
  const outputs = new Set<string>();
  for (const { name } of graph.outputs) {
    if (!known.has(name)) fail(where, `has no value '${name}', which it lists as an output`);
    if (outputs.has(name)) fail(where, `lists the output '${name}' twice`);
    outputs.add(name);
  }
}
