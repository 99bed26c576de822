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

/** The models of a node with their places in the plan, in the order of the plan. */
export function* modelsOf(
  node: PlanNode,
  path = 'root',
): Generator<{ readonly node: ModelNode; readonly path: string }> {
  if (node.kind === 'model') {
    yield { node, path };
    return;
  }
  yield* modelsOf(node.small, `${path}.cascade.small`);
  yield* modelsOf(node.big, `${path}.cascade.big`);
}
