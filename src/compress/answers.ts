/** What a row of scores says, be it logits or the probabilities behind a Softmax, as Keras exports them. */
import { largest } from '../base/index.ts';
import type { Model } from '../graph/index.ts';
import { isSoftmaxed } from '../ops/index.ts';

/** Whether the model's first output is that of a Softmax. */
export function givesProbabilities({ graph }: Model): boolean {
  return isSoftmaxed(graph.nodes, graph.outputs[0]?.name ?? '');
}

/** The first class of those with the highest score. */
export function highest(scores: Float32Array): number {
  return scores.indexOf(largest(scores));
}

/** The smallest float32 above 0: what a probability that was rounded to 0 is at most. */
const LEAST = 2 ** -149;

/** log p of each class, in double precision; of logits log softmax. */
export function logProbabilities(scores: Float32Array, probabilities: boolean): Float64Array {
  if (probabilities) return Float64Array.from(scores, (p) => Math.log(Math.max(p, LEAST)));
  const most = largest(scores);
  let sum = 0;
  for (const logit of scores) sum += Math.exp(logit - most);
  return Float64Array.from(scores, (logit) => logit - most - Math.log(sum));
}
