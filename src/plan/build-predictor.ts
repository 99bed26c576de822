/**
 * Plan → tree of predictors. What a `model` node becomes is the caller's choice: a bare session for evaluation, a
 * batching queue for serving.
 */
import { SkeinError } from '../base/index.ts';
import { CascadePredictor } from './cascade-predictor.ts';
import { type ChildField, type CompositeNode, type ModelNode, mapChildren, type Plan, type PlanNode } from './plan.ts';
import type { Predictor } from './predictor.ts';

/** How each kind joins the predictors of its children. */
const JOINS: {
  readonly [Kind in CompositeNode['kind']]: (
    node: Extract<PlanNode, { kind: Kind }>,
    path: string,
    children: { readonly [Field in ChildField<Kind>]: Predictor },
  ) => Predictor;
} = {
  cascade: ({ confidence }, path, { small, big }) => new CascadePredictor(path, small, big, confidence),
};

/**
 * Opens every model of the plan, one after another, and joins them. What was opened already when something fails is the
 * caller's to close.
 * @param openModel makes the predictor of a `model` node; `path` is the node's place in the plan
 * @throws SkeinError whatever `openModel` throws; 'invalid-argument' if the scores do not fit the labels or each other
 */
export async function buildPredictor(
  plan: Plan,
  openModel: (node: ModelNode, path: string) => Promise<Predictor>,
): Promise<Predictor> {
  const build = async (node: PlanNode, path: string): Promise<Predictor> =>
    node.kind === 'model'
      ? openModel(node, path)
      : JOINS[node.kind](node, path, await mapChildren(node.kind, node, path, build));
  const root = await build(plan.root, 'root');
  if (root.classes !== plan.labels.length) {
    throw new SkeinError(
      'invalid-argument',
      `Cannot build plan '${plan.name}': root must score ${plan.labels.length} classes, one a label, received ${root.classes}`,
    );
  }
  return root;
}
