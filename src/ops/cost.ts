/**
 * What a model costs, by the field's convention (fvcore, thop): multiply-accumulates of convolutions and matrix products
 * without biases, everything else 0; parameters are the trainable numbers, running statistics not among them.
 */
import { SkeinError } from '../base/index.ts';
import {
  consumersOf,
  describeNode,
  feedsOf,
  type Graph,
  type Model,
  type Node,
  type ValueType,
} from '../graph/index.ts';
import { formatShape } from '../tensor/index.ts';
import { type InferOptions, infer } from './infer-shapes.ts';
import { OpContext } from './op-context.ts';
import { ruleOf } from './op-rules.ts';
import { parameterUses } from './trainable-initializers.ts';
import { unnamedBatches } from './unnamed-batches.ts';

export interface CostOptions extends InferOptions {
  /** Samples that the MACs are for; 1 unless told. */
  readonly batch?: number;
}

export interface NodeCost {
  readonly name: string;
  readonly opType: string;
  /** Name of its first output. */
  readonly output: string;
  /** Shape of its first output for `batch` samples, as far as it is known. */
  readonly shape: ValueType['dims'];
  /** Trainable numbers; those that several nodes share count for the first. */
  readonly params: number;
  readonly macs: number;
}

export interface Cost {
  readonly params: number;
  readonly macs: number;
  /** Size of all initializers. */
  readonly bytes: number;
  readonly nodes: readonly NodeCost[];
}

/**
 * Parameters, MACs and a row a node. A symbolic first dimension of the inputs is the batch; where the file fixes it at
 * another number, MACs are scaled. What is inside subgraphs and functions is not counted.
 * @throws SkeinError 'invalid-argument' if MACs cannot be said since a shape is not known
 */
export function costOf(model: Model, options: CostOptions = {}): Cost {
  const { graph } = model;
  const batch = options.batch ?? 1;
  const { symbols, fixed } = batchOf(graph, batch);
  const inference = infer(model, {
    symbols: { ...symbols, ...options.symbols },
    inputShapes: { ...unnamedBatches(graph, batch), ...options.inputShapes },
  });
  const owners = parameterOwners(graph);
  const nodes = graph.nodes.map((node): NodeCost => {
    const op = new OpContext(node, inference.types, inference.values);
    const macs = ruleOf(node)?.macs(op) ?? (ruleOf(node) === undefined ? 0 : undefined);
    const output = node.outputs[0] ?? '';
    const shape = inference.types.get(output)?.dims;
    if (macs === undefined) {
      throw new SkeinError(
        'invalid-argument',
        `Cannot count the MACs of ${describeNode(node)}: its output ${formatShape(shape ?? [undefined])} must have a known shape; give the shapes of the inputs`,
      );
    }
    return {
      name: node.name,
      opType: node.opType,
      output,
      shape,
      params: owners.get(node) ?? 0,
      macs: (macs * batch) / (fixed ?? batch),
    };
  });
  let bytes = 0;
  for (const tensor of graph.initializers.values()) bytes += tensor.byteLength ?? 0;
  return {
    params: nodes.reduce((sum, { params }) => sum + params, 0),
    macs: nodes.reduce((sum, { macs }) => sum + macs, 0),
    bytes,
    nodes,
  };
}

/** The symbols that stand for the batch, and the batch that the file fixes if it does. */
function batchOf(graph: Graph, batch: number): { symbols: Record<string, number>; fixed: number | undefined } {
  const symbols: Record<string, number> = {};
  let fixed: number | undefined;
  for (const { type } of feedsOf(graph)) {
    const first = type?.dims?.[0];
    if (typeof first === 'string') symbols[first] = batch;
    else if (typeof first === 'number') fixed ??= first;
  }
  return { symbols, fixed: Object.keys(symbols).length > 0 ? undefined : fixed };
}

/** How many parameters each node is the first to use; one that is stored in another type belongs to who uses it then. */
function parameterOwners(graph: Graph): Map<Node, number> {
  const owners = new Map<Node, number>();
  const consumers = consumersOf(graph);
  for (const { node, size } of parameterUses(graph).values()) {
    let owner = node;
    const seen = new Set<Node>();
    while (CONVERSIONS.has(owner.opType) && owner.domain === '' && !seen.has(owner)) {
      seen.add(owner);
      owner = consumers.get(owner.outputs[0] ?? '')?.[0] ?? owner;
    }
    owners.set(owner, (owners.get(owner) ?? 0) + size);
  }
  return owners;
}

const CONVERSIONS: ReadonlySet<string> = new Set(['Cast', 'DequantizeLinear']);
