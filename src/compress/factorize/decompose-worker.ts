/** The thread of decomposer.ts: what cannot be looked into for seconds, a layer's weights to its spectra or its parts. */
import { answerJobs } from '../../base/worker-thread.ts';
import {
  type Factorization,
  type FactorizationKind,
  type InputMoments,
  type Kernel,
  kernelOfLayer,
  type LayerWeights,
  partsOf,
} from '../../transforms/index.ts';
import { type Candidate, type RankPolicy, rankCandidates } from './rank-candidates.ts';

export interface DecomposeJob {
  readonly name: string;
  readonly weights: LayerWeights;
  readonly moments: InputMoments | undefined;
  readonly task:
    | { readonly kinds: readonly FactorizationKind[]; readonly policy: Exclude<RankPolicy, { by: 'given' }> }
    | { readonly factorization: Factorization };
}

export interface Decomposed {
  /** Undefined where the weights are not all finite numbers. */
  readonly candidates?: readonly Candidate[] | undefined;
  readonly parts?: readonly Kernel[];
}

answerJobs<DecomposeJob, Decomposed>(({ name, weights, moments, task }) => {
  if ('factorization' in task) {
    const parts = partsOf(weights, name, task.factorization, moments);
    return { result: { parts }, transfer: parts.map(({ data }) => data.buffer as ArrayBuffer) };
  }
  const kernel = kernelOfLayer(weights);
  return { result: { candidates: kernel && rankCandidates(kernel, task.kinds, task.policy, moments) } };
});
