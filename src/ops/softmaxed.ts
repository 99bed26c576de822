/** Whether numbers are the probabilities of a Softmax: told by the operator that makes them. */
import { type Node, producersOf } from '../graph/index.ts';

/** Operators that hand on their first input's numbers in another shape or type. */
const PASSES_ON = new Set(['Identity', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Cast', 'Dropout']);

/** Through operators that hand them on; LogSoftmax gives no probabilities. */
export function isSoftmaxed(nodes: readonly Node[], value: string): boolean {
  const producers = producersOf({ nodes });
  let node = producers.get(value);
  for (let steps = 0; node !== undefined && steps < nodes.length; steps++) {
    if (node.domain === '' && node.opType === 'Softmax') return true;
    if (node.domain !== '' || !PASSES_ON.has(node.opType)) return false;
    node = producers.get(node.inputs[0] ?? '');
  }
  return false;
}
