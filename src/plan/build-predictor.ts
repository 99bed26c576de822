/**
 * Plan → tree of predictors. What a `model` node becomes is the caller's choice: a bare session for evaluation, a
 * batching queue for serving.
 */
import { SkeinError } from '../base/index.ts';
import { CascadePredictor } from './cascade-predictor.ts';
import type { ModelNode, Plan, PlanNode } from './plan.ts';
import type { Predictor } from './predictor.ts';

/**
 * Opens every model of the plan, one after another, and joins them.
 * @param openModel makes the predictor of a `model` node; `path` is the node's place in the plan
 * @param closeModel called for what was opened already if a later model fails
 * @throws SkeinError whatever `openModel` throws; 'invalid-argument' if a model's scores do not fit the labels
 */
export async function buildPredictor<Leaf extends Predictor>(
  plan: Plan,
  openModel: (node: ModelNode, path: string) => Promise<Leaf>,
  closeModel?: (leaf: Leaf) => Promise<void>,
): Promise<Predictor> {
  const opened: Leaf[] = [];
  const build = async (node: PlanNode, path: string): Promise<Predictor> => {
    switch (node.kind) {
      case 'model': {
        const leaf = await openModel(node, path);
        opened.push(leaf);
        if (leaf.classes !== plan.labels.length) {
          throw new SkeinError(
            'invalid-argument',
            `Cannot build plan '${plan.name}': ${path} must score ${plan.labels.length} classes, one a label, but '${node.file}' scores ${leaf.classes}`,
          );
        }
        return leaf;
      }
      case 'cascade': {
        const small = await build(node.small, `${path}.cascade.small`);
        const big = await build(node.big, `${path}.cascade.big`);
        return new CascadePredictor(path, small, big, node.confidence);
      }
    }
  };
  try {
    return await build(plan.root, 'root');
  } catch (error) {
    if (closeModel !== undefined) await Promise.allSettled(opened.map(closeModel));
    throw error;
  }
}
