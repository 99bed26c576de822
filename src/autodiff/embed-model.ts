/**
 * A model written into the graph of another: its nodes behind values that are there, as it answers and not as it trains,
 * its weights as constants. What comes out depends on none of the other's parameters, so that `differentiate` passes it by.
 */
import { SkeinError } from '../base/index.ts';
import {
  describeNode,
  FreshNames,
  feedsOf,
  type Model,
  type Node,
  standardOpset,
  subgraphsOf,
} from '../graph/index.ts';
import { liftOpset } from '../ops/index.ts';
import { type GraphWriter, OLDEST_OPSET } from './graph-writer.ts';
import { inOpsetOf } from './opset-form.ts';

export interface EmbedOptions {
  /** Before the names of its values and nodes: `teacher/`. */
  readonly prefix: string;
  /** The value of the graph that each of its inputs is, by the input's name. */
  readonly feeds: ReadonlyMap<string, string>;
}

/**
 * @returns the values of the graph that the model's outputs are, in order
 * @throws SkeinError 'unsupported' for a model that cannot be lifted to operator set 13, with control flow, functions or sparse weights;
 * 'invalid-argument' where a feed is missing or its shape contradicts
 */
export function embedModel(writer: GraphWriter, given: Model, { prefix, feeds }: EmbedOptions): readonly string[] {
  checkEmbeddable(given);
  const model = liftOpset(given, OLDEST_OPSET);
  const { graph, opsets } = model;
  const opset = standardOpset(model);
  for (const [domain, version] of opsets) if (domain !== '') writer.importDomain(domain, version);
  const names = new Map([['', '']]);
  for (const { name } of feedsOf(graph)) {
    const value = feeds.get(name);
    if (value === undefined)
      throw new SkeinError('invalid-argument', `The embedded model's input '${name}' is not fed`);
    names.set(name, value);
  }
  for (const [name, tensor] of graph.initializers) names.set(name, writer.constant(tensor));
  const known = (name: string): string => {
    const value = names.get(name);
    if (value !== undefined) return value;
    throw new SkeinError('invalid-argument', `The embedded model has no value '${name}'`);
  };
  // Nodes need no names, but the engine wants those that there are to differ.
  const nodeNames = new FreshNames(graph.nodes.map(({ name }) => name));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(known);
    const outputs = node.outputs.map((name) => (name === '' ? '' : writer.freshName(`${prefix}${name}`)));
    for (const [i, name] of node.outputs.entries()) if (name !== '') names.set(name, outputs[i] as string);
    const renamed: Node = { ...node, name: `${prefix}${node.name || nodeNames.make(node.opType)}`, inputs, outputs };
    writer.append(inOpsetOf(writer, renamed, opset));
  }
  return graph.outputs.map(({ name }) => known(name));
}

function checkEmbeddable(model: Model): void {
  const { graph, functions } = model;
  const refuse = (what: string): SkeinError => new SkeinError('unsupported', `Cannot embed the model: ${what}`);
  if (graph.sparseInitializers.size > 0) throw refuse('it has sparse weights; export it with dense ones');
  for (const node of graph.nodes) {
    if (subgraphsOf(node).length > 0)
      throw refuse(`${describeNode(node)} has graphs inside; export it without control flow`);
    if (functions.some(({ domain, name }) => domain === node.domain && name === node.opType)) {
      throw refuse(`${describeNode(node)} calls a function of the model; export it with functions inlined`);
    }
  }
}
