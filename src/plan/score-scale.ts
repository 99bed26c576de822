/** Whether a model's scores are probabilities already: told by the operator that makes them. */
import type { Model } from '../graph/index.ts';
import { isSoftmaxed } from '../ops/index.ts';
import type { ScoreScale } from './predictor.ts';

/**
 * 'probabilities' if the output comes from a Softmax, 'logits' otherwise: softmax undoes LogSoftmax, so its results count
 * as logits.
 */
export function scoreScaleOf(model: Model, outputName: string): ScoreScale {
  return isSoftmaxed(model.graph.nodes, outputName) ? 'probabilities' : 'logits';
}
