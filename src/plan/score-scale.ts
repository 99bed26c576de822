/** Whether a model's scores are probabilities already: told by the operator that makes them. */
import { type Model, producersOf } from '../graph/index.ts';
import type { ScoreScale } from './predictor.ts';

/** Operators that hand on their first input's numbers in another shape or type. */
const PASSES_ON = new Set(['Identity', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Cast', 'Dropout']);

/**
 * 'probabilities' if the output comes from a Softmax, 'logits' otherwise: softmax undoes LogSoftmax, so its results count
 * as logits.
 */
export function scoreScaleOf(model: Model, outputName: string): ScoreScale {
  const producers = producersOf(model.graph);
  let node = producers.get(outputName);
  for (let steps = 0; node !== undefined && steps < model.graph.nodes.length; steps++) {
    if (node.domain === '' && node.opType === 'Softmax') return 'probabilities';
    if (node.domain !== '' || !PASSES_ON.has(node.opType)) return 'logits';
    node = producers.get(node.inputs[0] ?? '');
  }
  return 'logits';
}
