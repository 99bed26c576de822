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

interface CascadeFields<Child> {
  readonly small: Child;
  readonly big: Child;
  /** The big one is asked where the small one's confidence is below this, 0 to 1. */
  readonly confidence: number;
}

/** Class parallelism (sensAI): small models, each for its own classes, that all see the same images at once. */
export interface ParallelFields<Child, Class = number> {
  /** What the first score of a part, "other", is for: subtracted from those of its classes, or dropped. */
  readonly other: 'subtracted' | 'dropped';
  /** The probability of each class of the plan beforehand, above 0, 1 in sum: what the classes of a late part get. Uniform unless told. */
  readonly priors?: readonly number[];
  /** At least one; every class of the plan is in exactly one. */
  readonly parts: readonly PartFields<Child, Class>[];
}

interface PartFields<Child, Class> {
  /** Indices into the plan's labels, ascending. */
  readonly classes: readonly Class[];
  /** Calibration: scale · score + bias for each of `classes`; 1 and 0 unless told. */
  readonly scale?: readonly number[];
  readonly bias?: readonly number[];
  /** Scores "other" and then each of `classes`. */
  readonly node: Child;
}

/**
 * What the nodes of each kind hold, with anything in the place of their child nodes (nodes of a plan, of its file, or
 * predictors) and of classes (indices, or names in a file).
 */
export interface FieldsOf<Child, Class = number> {
  readonly cascade: CascadeFields<Child>;
  readonly parallel: ParallelFields<Child, Class>;
}

export type CompositeKind = keyof FieldsOf<unknown>;

export interface CascadeNode extends CascadeFields<PlanNode> {
  readonly kind: 'cascade';
}

export interface ParallelNode extends ParallelFields<PlanNode> {
  readonly kind: 'parallel';
}

export type ParallelPart = ParallelNode['parts'][number];

export type CompositeNode = CascadeNode | ParallelNode;
export type PlanNode = ModelNode | CompositeNode;

export interface Plan {
  readonly name: string;
  readonly input: PlanInput;
  /** A name a class, in the order of the scores. */
  readonly labels: readonly string[];
  readonly root: PlanNode;
}

interface KindShape<Kind extends CompositeKind> {
  /** Whether its children are asked at once rather than one after another. */
  readonly atOnce: boolean;
  /** The same with other children, told of their places below the node in the order of the plan, and other classes. */
  map<Child, Class, OtherChild, OtherClass>(
    fields: FieldsOf<Child, Class>[Kind],
    ofChild: (child: Child, place: string) => OtherChild,
    ofClass: (index: Class) => OtherClass,
  ): FieldsOf<OtherChild, OtherClass>[Kind];
}

/** Everything that goes through a plan, in memory or as a file, goes by this table. */
const SHAPES: { readonly [Kind in CompositeKind]: KindShape<Kind> } = {
  cascade: {
    atOnce: false,
    map: ({ confidence, ...nodes }, ofChild) => ({
      small: ofChild(nodes.small, 'small'),
      big: ofChild(nodes.big, 'big'),
      confidence,
    }),
  },
  parallel: {
    atOnce: true,
    map: ({ parts, ...others }, ofChild, ofClass) => ({
      ...others,
      parts: parts.map(({ classes, node, ...calibration }, index) => ({
        classes: classes.map(ofClass),
        ...calibration,
        node: ofChild(node, String(index)),
      })),
    }),
  },
};

export function isComposite(kind: string): kind is CompositeKind {
  return Object.hasOwn(SHAPES, kind);
}

/** The children of a node in the order of the plan, with their places, `<node>.<kind>.<place below it>`. */
export function childrenOf<Kind extends CompositeKind, Child>(
  kind: Kind,
  fields: FieldsOf<Child, unknown>[Kind],
  path: string,
): { readonly child: Child; readonly path: string }[] {
  const children: { readonly child: Child; readonly path: string }[] = [];
  const collect = (child: Child, place: string) => void children.push({ child, path: `${path}.${kind}.${place}` });
  SHAPES[kind].map<Child, unknown, void, unknown>(fields, collect, (index) => index);
  return children;
}

/**
 * A node of this kind with what `change` makes of each child, one after another, in its place.
 * @param fields the node, in memory or as in a file
 * @param path the place of the node
 * @param ofClass what becomes of its classes
 */
export async function mapChildren<Kind extends CompositeKind, Child, Class, Result, OtherClass>(
  kind: Kind,
  fields: FieldsOf<Child, Class>[Kind],
  path: string,
  change: (child: Child, path: string) => Promise<Result>,
  ofClass: (index: Class) => OtherClass,
): Promise<FieldsOf<Result, OtherClass>[Kind]> {
  const changed: Result[] = [];
  for (const each of childrenOf<Kind, Child>(kind, fields, path)) changed.push(await change(each.child, each.path));
  let next = 0;
  return SHAPES[kind].map(fields, () => changed[next++] as Result, ofClass);
}

/** For `mapChildren` where classes stay as they are. */
export const sameClass = (index: number): number => index;

/** The same tree with other models. */
export async function mapModels(
  node: PlanNode,
  change: (model: ModelNode, path: string) => Promise<ModelNode>,
  path = 'root',
): Promise<PlanNode> {
  if (node.kind === 'model') return change(node, path);
  const { kind, ...fields } = node;
  const inside = (child: PlanNode, place: string) => mapModels(child, change, place);
  return compositeNode(
    kind,
    await mapChildren(kind, fields as FieldsOf<PlanNode>[typeof kind], path, inside, sameClass),
  );
}

/** A node of what it holds. */
export function compositeNode<Kind extends CompositeKind>(kind: Kind, fields: FieldsOf<PlanNode>[Kind]): PlanNode {
  return { kind, ...fields } as unknown as PlanNode;
}

export interface PlacedModel {
  readonly node: ModelNode;
  /** Its place in the plan: 'root', 'root.cascade.small', 'root.parallel.3'. */
  readonly path: string;
  /** How many models may have been asked, one after another, before this one; 0 for what a request goes to first. */
  readonly depth: number;
  /** The node whose children are asked at once, where this model is in one of them: one object for all that are. */
  readonly beside?: Siblings;
}

export interface Siblings {
  /** How many are asked at once. */
  readonly count: number;
}

/** The models of a node with their places in the plan, in the order of the plan. */
export function* modelsOf(
  node: PlanNode,
  path = 'root',
  depth = 0,
  beside: Siblings | undefined = undefined,
): Generator<PlacedModel> {
  if (node.kind === 'model') {
    yield { node, path, depth, ...(beside && { beside }) };
    return;
  }
  const children = childrenOf<CompositeKind, PlanNode>(node.kind, node, path);
  const { atOnce } = SHAPES[node.kind];
  const siblings = atOnce ? { count: children.length * (beside?.count ?? 1) } : beside;
  let before = depth;
  for (const each of children) {
    let deepest = before;
    for (const model of modelsOf(each.child, each.path, before, siblings)) {
      deepest = Math.max(deepest, model.depth);
      yield model;
    }
    if (!atOnce) before = deepest + 1;
  }
}

/**
 * How many batches a request waits for at most, one after another, where so many workers share those of models that are
 * asked at once.
 */
export function roundsOf(node: PlanNode, workers: number): number {
  if (node.kind === 'model') return 1;
  const children = childrenOf<CompositeKind, PlanNode>(node.kind, node, '').map(({ child }) =>
    roundsOf(child, workers),
  );
  const all = children.reduce((sum, rounds) => sum + rounds, 0);
  return SHAPES[node.kind].atOnce ? Math.max(...children, Math.ceil(all / workers)) : all;
}
