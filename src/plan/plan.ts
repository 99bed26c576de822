/**
 * A plan in memory: what a classifier takes, what its classes are called, and the tree of models that answers. The file
 * form of it is plan-file.ts.
 */
import type { Preprocessing } from '../data/index.ts';

/** What the models of a plan take: float32 [batch, C, H, W], (RGB / 255 − mean) / std a channel. */
export interface PlanInput extends Preprocessing {
  /** The name under which the input is served. */
  readonly name: string;
}

export interface ModelNode {
  readonly kind: 'model';
  /** Absolute path of the ONNX file. */
  readonly file: string;
  /** Of the file's bytes, in lower-case hexadecimal. */
  readonly sha256?: string;
}

export interface CascadeNode {
  readonly kind: 'cascade';
  readonly small: PlanNode;
  readonly big: PlanNode;
  /** The big one is asked where the small one's confidence is below this, 0 to 1. */
  readonly confidence: number;
}

export type PlanNode = ModelNode | CascadeNode;

export interface Plan {
  readonly name: string;
  readonly input: PlanInput;
  /** A name a class, in the order of the scores. */
  readonly labels: readonly string[];
  readonly root: PlanNode;
}

export type CompositeNode = Exclude<PlanNode, ModelNode>;

/**
 * For each kind the fields that hold other nodes, in the order in which those are asked. Everything that goes through a
 * plan, in memory or as a file, goes by this table; the place of a node is `<parent>.<kind>.<field>`.
 */
export const CHILD_FIELDS = { cascade: ['small', 'big'] } as const satisfies {
  readonly [Kind in CompositeNode['kind']]: readonly string[];
};

/**
 * What `change` makes of each child of a node of this kind, one after another.
 * @param fields the node, in memory or as in a file
 * @param path the place of the node
 */
export async function mapChildren<Kind extends CompositeNode['kind'], Child, Result>(
  kind: Kind,
  fields: { readonly [Field in ChildField<Kind>]: Child },
  path: string,
  change: (child: Child, path: string) => Promise<Result>,
): Promise<{ [Field in ChildField<Kind>]: Result }> {
  const changed: Partial<Record<ChildField<Kind>, Result>> = {};
  for (const field of CHILD_FIELDS[kind] as readonly ChildField<Kind>[]) {
    changed[field] = await change(fields[field], `${path}.${kind}.${field}`);
  }
  return changed as { [Field in ChildField<Kind>]: Result };
}

export type ChildField<Kind extends CompositeNode['kind']> = (typeof CHILD_FIELDS)[Kind][number];

/** The same tree with other models. */
export async function mapModels(
  node: PlanNode,
  change: (model: ModelNode, path: string) => Promise<ModelNode>,
  path = 'root',
): Promise<PlanNode> {
  if (node.kind === 'model') return change(node, path);
  const children = await mapChildren(node.kind, node, path, (child: PlanNode, place) =>
    mapModels(child, change, place),
  );
  return { ...node, ...children };
}

export interface PlacedModel {
  readonly node: ModelNode;
  /** Its place in the plan: 'root', 'root.cascade.small'. */
  readonly path: string;
  /** How many models may have been asked, one after another, before this one; 0 for what a request goes to first. */
  readonly depth: number;
}

/** The models of a node with their places in the plan, in the order of the plan. */
export function* modelsOf(node: PlanNode, path = 'root', depth = 0): Generator<PlacedModel> {
  if (node.kind === 'model') {
    yield { node, path, depth };
    return;
  }
  let before = depth;
  for (const field of CHILD_FIELDS[node.kind]) {
    let deepest = before;
    for (const model of modelsOf(node[field], `${path}.${node.kind}.${field}`, before)) {
      deepest = Math.max(deepest, model.depth);
      yield model;
    }
    before = deepest + 1;
  }
}
