/** The thread of compensator.ts: what cannot be looked into for minutes, a layer's weights to those that speak for more. */
import { answerJobs } from '../../base/worker-thread.ts';
import { compensatedWeights, type MaskedLayer } from '../../transforms/index.ts';

answerJobs<MaskedLayer, Float32Array<ArrayBuffer>>((layer) => {
  const result = compensatedWeights(layer);
  return { result, transfer: [result.buffer] };
});
