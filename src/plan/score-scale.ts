/** Whether a model's scores are probabilities already: told by the operator that makes them. */
import type { Model, Node } from '../graph/index.ts';
import { isSoftmaxed } from '../ops/index.ts';
import type { ScoreScale } from './predictor.ts';

/**
 * 'probabilities' if the output comes from a Softmax, 'logits' otherwise: softmax undoes LogSoftmax, so its results count
 * as logits.
 * @param width scores in a row: where there is one a Sigmoid does what a Softmax does for several
 */
export function scoreScaleOf({ graph }: Model, outputName: string, width: number): ScoreScale {
  const alike = (node: Node): Node => (node.opType === 'Sigmoid' ? { ...node, opType: 'Softmax' } : node);
  const nodes = width === 1 ? graph.nodes.map(alike) : graph.nodes;
  return isSoftmaxed(nodes, outputName) ? 'probabilities' : 'logits';
}
