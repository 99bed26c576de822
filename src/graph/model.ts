/**
 * The intermediate representation: ONNX's own structure as plain read-only objects. A pass makes new objects and shares
 * the rest, so that nothing it was given changes; GraphEditor does the bookkeeping.
 *
 * Each object has an opaque `rest`: what its file says beyond the fields here (documentation, unknown fields, …). It is
 * written back on saving; copy it along when you change an object (`{ ...node, inputs }` does), leave it out of new ones.
 */
import { SkeinError } from '../base/index.ts';
import type { DType } from '../tensor/index.ts';
import type { Attribute } from './attribute.ts';
import type { Tensor } from './tensor.ts';

/** A number, the name of a symbol ('batch'), or unknown. */
export type Dim = number | string | undefined;

/** The type of a tensor value; what is not known is undefined. */
export interface ValueType {
  readonly dtype: DType | undefined;
  /** Undefined where not even the rank is known. */
  readonly dims: readonly Dim[] | undefined;
}

export interface ValueInfo {
  readonly name: string;
  /** Undefined for what is no tensor (sequences, maps, optionals) or has no type. */
  readonly type: ValueType | undefined;
  readonly rest?: unknown;
}

export interface SparseTensor {
  readonly values: Tensor;
  readonly indices: Tensor;
  readonly dims: readonly number[];
  readonly rest?: unknown;
}

export interface Node {
  /** May be empty, need not be unique. */
  readonly name: string;
  readonly opType: string;
  /** '' is the standard operator set ('ai.onnx'). */
  readonly domain: string;
  /** Values by name; '' stands for an optional input that is absent. */
  readonly inputs: readonly string[];
  /** '' stands for an optional output that is not asked for. */
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly rest?: unknown;
}

export interface Graph {
  readonly name: string;
  /** Before IR version 4 these name every initializer too; see `feedsOf`. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, Tensor>;
  readonly sparseInitializers: ReadonlyMap<string, SparseTensor>;
  /** Each node after those that produce its inputs. */
  readonly nodes: readonly Node[];
  /** What the file says of values inside the graph. */
  readonly valueInfos: ReadonlyMap<string, ValueInfo>;
  readonly rest?: unknown;
}

/** A function that the model defines for its nodes to call. */
export interface FunctionDefinition {
  readonly domain: string;
  readonly name: string;
  /** Version of each operator set that its nodes use, by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes with a default value. */
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly nodes: readonly Node[];
  readonly valueInfos: ReadonlyMap<string, ValueInfo>;
  readonly rest?: unknown;
}

export interface TrainingInfo {
  readonly initialization: Graph | undefined;
  readonly algorithm: Graph | undefined;
  readonly rest?: unknown;
}

export interface Model {
  readonly irVersion: number;
  /** Version of each operator set in use, by domain; '' is the standard one. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly graph: Graph;
  readonly functions: readonly FunctionDefinition[];
  readonly trainingInfos: readonly TrainingInfo[];
  /** metadata_props. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly rest?: unknown;
}

/** Version of the standard operator set; 0 where the model does not import it. */
export function standardOpset(model: Model): number {
  return model.opsets.get('') ?? 0;
}

/** The inputs that must be fed: those without an initializer. */
export function feedsOf(graph: Graph): readonly ValueInfo[] {
  return graph.inputs.filter(({ name }) => !graph.initializers.has(name) && !graph.sparseInitializers.has(name));
}

/**
 * The one input that must be fed.
 * @param purpose stands in the message: 'Cannot train the model'
 * @throws SkeinError 'unsupported' where there is not one
 */
export function onlyFeed(graph: Graph, purpose: string): ValueInfo {
  const [input, ...others] = feedsOf(graph);
  if (input !== undefined && others.length === 0) return input;
  const count = feedsOf(graph).length;
  throw new SkeinError('unsupported', `${purpose}: it must have one input, it has ${count}`);
}

/** The batch size that a model was exported for; undefined where it takes any. */
export function fixedBatch({ graph }: Model): number | undefined {
  const batch = feedsOf(graph)[0]?.type?.dims?.[0];
  return typeof batch === 'number' ? batch : undefined;
}

/**
 * The initializers that no caller can replace. From IR version 4 on, one that is also a graph input is only a default.
 */
export function constantInitializers(graph: Graph, irVersion: number): ReadonlyMap<string, Tensor> {
  if (irVersion < 4) return graph.initializers;
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  return new Map([...graph.initializers].filter(([name]) => !inputs.has(name)));
}

/** How a node stands in messages: by its name, or by what it makes if it has none. */
export function describeNode(node: Pick<Node, 'name' | 'opType' | 'outputs'>): string {
  const known = node.name === '' ? `that makes '${node.outputs.find((name) => name !== '') ?? ''}'` : `'${node.name}'`;
  return `node ${known} (${node.opType})`;
}
