/**
 * Plan → tree of predictors. What a `model` node becomes is the caller's choice: a bare session for evaluation, a
 * batching queue for serving.
 */
import { SkeinError } from '../base/index.ts';
import type { ParallelOptions } from './ask-parts.ts';
import { CascadePredictor } from './cascade-predictor.ts';
import { ParallelPredictor } from './parallel-predictor.ts';
import {
  type CompositeKind,
  type FieldsOf,
  type ModelNode,
  mapChildren,
  type Plan,
  type PlanNode,
  sameClass,
} from './plan.ts';
import type { Predictor } from './predictor.ts';

/** How each kind joins the predictors of its children. */
const JOINS: {
  readonly [Kind in CompositeKind]: (
    fields: FieldsOf<Predictor>[Kind],
    path: string,
    plan: Plan,
    options: ParallelOptions,
  ) => Predictor;
} = {
  cascade: ({ small, big, confidence }, path) => new CascadePredictor(path, small, big, confidence),
  parallel: (fields, path, { labels }, options) => new ParallelPredictor(path, fields, labels.length, options),
};

/**
 * Opens every model of the plan, one after another, and joins them. What was opened already when something fails is the
 * caller's to close.
 * @param openModel makes the predictor of a `model` node; `path` is the node's place in the plan
 * @param options of the `parallel` nodes
 * @throws SkeinError whatever `openModel` throws; 'invalid-argument' if the scores do not fit the labels or each other
 */
export async function buildPredictor(
  plan: Plan,
  openModel: (node: ModelNode, path: string) => Promise<Predictor>,
  options: ParallelOptions = {},
): Promise<Predictor> {
  const build = async (node: PlanNode, path: string): Promise<Predictor> =>
    node.kind === 'model' ? openModel(node, path) : join(node.kind, node, path);
  const join = async <Kind extends CompositeKind>(kind: Kind, fields: FieldsOf<PlanNode>[Kind], path: string) =>
    JOINS[kind](await mapChildren(kind, fields, path, build, sameClass), path, plan, options);
  const root = await build(plan.root, 'root');
  if (root.classes !== plan.labels.length) {
    throw new SkeinError(
      'invalid-argument',
      `Cannot build plan '${plan.name}': root must score ${plan.labels.length} classes, one a label, received ${root.classes}`,
    );
  }
  return root;
}
