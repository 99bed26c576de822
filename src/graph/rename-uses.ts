/** Renaming what a node uses, in its subgraphs too. What it makes keeps its name. */
import { type Attribute, subgraphsOf } from './attribute.ts';
import type { Graph, Node } from './model.ts';
import { usedBy } from './traversal.ts';

/** The node with each value that it, or a subgraph in it, uses under its new name; the node itself if none has one. */
export function renameUses(node: Node, newNames: ReadonlyMap<string, string>): Node {
  if (subgraphsOf(node).length === 0) {
    if (!node.inputs.some((name) => newNames.has(name))) return node;
    return { ...node, inputs: node.inputs.map((name) => newNames.get(name) ?? name) };
  }
  const used = [...usedBy(node)].filter((name) => newNames.has(name));
  if (used.length === 0) return node;
  const own = new Map(used.map((name) => [name, newNames.get(name) ?? name]));
  const inputs = node.inputs.map((name) => own.get(name) ?? name);
  const attributes = new Map(
    [...node.attributes].map(([name, attribute]) => [name, renameInAttribute(attribute, own)]),
  );
  return { ...node, inputs, attributes };
}

function renameInAttribute(attribute: Attribute, newNames: ReadonlyMap<string, string>): Attribute {
  if (attribute.kind === 'graph') return { ...attribute, value: renameInGraph(attribute.value, newNames) };
  if (attribute.kind !== 'graphs') return attribute;
  return { ...attribute, value: attribute.value.map((graph) => renameInGraph(graph, newNames)) };
}

function renameInGraph(graph: Graph, newNames: ReadonlyMap<string, string>): Graph {
  const outputs = graph.outputs.map((output) => ({ ...output, name: newNames.get(output.name) ?? output.name }));
  return { ...graph, outputs, nodes: graph.nodes.map((node) => renameUses(node, newNames)) };
}
