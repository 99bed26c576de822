/**
 * Types, shapes and small values of everything in a graph, worked out node by node. What cannot be known stays unknown,
 * so a model with unknown operators is no error; shapes that contradict each other are. Subgraphs and functions are left
 * alone: the outputs of their nodes are what the file says of them.
 */
import {
  constantInitializers,
  type Dim,
  type Graph,
  type Model,
  type Node,
  type ValueInfo,
  type ValueType,
} from '../graph/index.ts';
import { isKnown } from './dims.ts';
import { type KnownValue, knownFromTensor } from './known-value.ts';
import { OpContext } from './op-context.ts';
import { ruleOf } from './op-rules.ts';

export interface InferOptions {
  /** Sizes of symbolic dimensions, by symbol: `{ batch: 1 }`. */
  readonly symbols?: Readonly<Record<string, number>>;
  /** Shapes of graph inputs in place of what the file says. */
  readonly inputShapes?: Readonly<Record<string, readonly Dim[]>>;
  /**
   * Whether what the file says of inner values and outputs fills the gaps; true unless told. The engine does not hold
   * files to it, so what must be true for certain is worked out without.
   */
  readonly declared?: boolean;
}

export interface Inference {
  /** Every value of the graph that has a type. */
  readonly types: ReadonlyMap<string, ValueType>;
  /** The values that are known before the model runs, as far as they are small. */
  readonly values: ReadonlyMap<string, KnownValue>;
}

/** The type of every value by name. @throws SkeinError 'invalid-argument' naming the node whose shapes contradict */
export function inferShapes(of: Model | Graph, options: InferOptions = {}): ReadonlyMap<string, ValueType> {
  return infer(of, options).types;
}

/** `inferShapes`, with the values that are known beforehand. */
export function infer(of: Model | Graph, options: InferOptions = {}): Inference {
  const isModel = 'graph' in of;
  const graph = isModel ? of.graph : of;
  const bind = (type: ValueType): ValueType => ({
    ...type,
    dims: type.dims?.map((dim) => bound(dim, options.symbols)),
  });
  const types = new Map<string, ValueType>();
  const values = new Map<string, KnownValue>();
  for (const { name, type } of graph.inputs) {
    const dims = options.inputShapes?.[name] ?? type?.dims;
    if (type !== undefined || dims !== undefined) types.set(name, bind({ dtype: type?.dtype, dims }));
  }
  for (const [name, { dtype, dims }] of graph.initializers) types.set(name, { dtype, dims });
  for (const [name, sparse] of graph.sparseInitializers)
    types.set(name, { dtype: sparse.values.dtype, dims: sparse.dims });
  for (const [name, tensor] of constantInitializers(graph, isModel ? of.irVersion : 4)) {
    const value = knownFromTensor(tensor);
    if (value !== undefined) values.set(name, value);
  }
  const declared = options.declared === false ? new Map<string, ValueType>() : declaredTypes(graph, bind);
  for (const node of graph.nodes) {
    inferNode(node, types, values, declared);
  }
  return { types, values };
}

/**
 * Adds what is known of a node's outputs to `types` and `values`; `declared` fills the gaps.
 * @throws SkeinError 'invalid-argument' if its inputs contradict
 */
export function inferNode(
  node: Node,
  types: Map<string, ValueType>,
  values: Map<string, KnownValue>,
  declared: ReadonlyMap<string, ValueType>,
): void {
  const rule = ruleOf(node);
  const op = new OpContext(node, types, values);
  const inferred = rule?.infer(op) ?? [];
  for (const [i, output] of node.outputs.entries()) {
    if (output === '') continue;
    const type = merged(inferred[i], declared.get(output));
    if (type !== undefined) types.set(output, type);
  }
  for (const [i, value] of (rule?.evaluate(op) ?? []).entries()) {
    const output = node.outputs[i] ?? '';
    if (value !== undefined && output !== '') values.set(output, value);
  }
}

function bound(dim: Dim, symbols: InferOptions['symbols']): Dim {
  return typeof dim === 'string' ? (symbols?.[dim] ?? dim) : dim;
}

/** What the file says of the values that nodes make. */
function declaredTypes(graph: Graph, bind: (type: ValueType) => ValueType): Map<string, ValueType> {
  const types = new Map<string, ValueType>();
  const add = ({ name, type }: ValueInfo): void => {
    if (type !== undefined) types.set(name, bind(type));
  };
  for (const info of graph.valueInfos.values()) add(info);
  for (const info of graph.outputs) add(info);
  return types;
}

/** What was inferred, and where that is unknown, what was declared. */
function merged(inferred: ValueType | undefined, declared: ValueType | undefined): ValueType | undefined {
  if (inferred === undefined || declared === undefined) return inferred ?? declared;
  const { dims } = inferred;
  const said = declared.dims;
  const fits = said !== undefined && dims !== undefined && said.length === dims.length;
  return {
    dtype: inferred.dtype ?? declared.dtype,
    dims: dims === undefined ? said : isKnown(dims) || !fits ? dims : dims.map((dim, i) => dim ?? said[i]),
  };
}
