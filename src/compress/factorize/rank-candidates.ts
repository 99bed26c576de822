/** The ranks that are worth weighing for a layer, by each way of choosing them. */
import type { Kernel } from '../../transforms/index.ts';
import {
  type Factorization,
  type FactorizationKind,
  fullRanks,
  type InputMoments,
  inputMetric,
  intoMetric,
  partShapes,
  ranksWithin,
  spectraOf,
  variationalRanks,
  weightsOf,
} from '../../transforms/index.ts';

export type RankPolicy =
  /** What empirical variational Bayes finds above the noise. */
  | { readonly by: 'evbmf' }
  /** Enough to keep this fraction of the squared weights or outputs, 0 to 1. */
  | { readonly by: 'energy'; readonly keep: number }
  /** As little loss as the whole model's MACs of one image allow. */
  | { readonly by: 'macs'; readonly most: number }
  /** As little loss as the whole model's milliseconds of one image on one thread allow. */
  | { readonly by: 'latency'; readonly mostMs: number }
  /** The same, so many times fewer than the model takes when both take turns. */
  | { readonly by: 'latency'; readonly times: number }
  /** By layer, taken as they are. */
  | { readonly by: 'given'; readonly ranks: ReadonlyMap<string, Factorization> };

export interface Candidate {
  readonly factorization: Factorization;
  /** Of the squared weights, or of the squared outputs where the input's moments are known, 0 to 1. */
  readonly loss: number;
}

/** What is fast: a vector register of AVX-512 holds 16 floats. */
export const RANK_STEP = 16;

/** Losses whose ranks are weighed against each other to meet a target. */
const LEVELS = [0.003, 0.01, 0.02, 0.035, 0.055, 0.08, 0.11, 0.15, 0.2, 0.26, 0.33, 0.42, 0.52, 0.64, 0.78] as const;

/** Those of fewer weights than the layer itself, each once; ranks are rounded up to what is fast. */
export function rankCandidates(
  kernel: Kernel,
  kinds: readonly FactorizationKind[],
  policy: Exclude<RankPolicy, { by: 'given' }>,
  moments?: InputMoments,
): readonly Candidate[] {
  const candidates = new Map<string, Candidate>();
  // The noise that EVBMF tells from signal is that of the weights as they are.
  const metric = moments === undefined || policy.by === 'evbmf' ? undefined : inputMetric(moments);
  for (const spectrum of spectraOf(metric === undefined ? kernel : intoMetric(kernel, metric), kinds)) {
    for (const { kind, ranks } of wanted(policy)(spectrum)) {
      const full = fullRanks(kind, kernel);
      const rounded = ranks.map((rank, i) => Math.min(Math.ceil(rank / RANK_STEP) * RANK_STEP, full[i] ?? rank));
      const factorization = { kind, ranks: rounded };
      if (weightsOf(partShapes(factorization, kernel)) >= weightsOf([kernel])) continue;
      candidates.set(`${kind} ${rounded.join()}`, { factorization, loss: spectrum.loss(rounded) });
    }
  }
  return [...candidates.values()];
}

type Spectrum = ReturnType<typeof spectraOf>[number];

function wanted(policy: Exclude<RankPolicy, { by: 'given' }>): (spectrum: Spectrum) => readonly Factorization[] {
  if (policy.by === 'evbmf') return (spectrum) => [variationalRanks(spectrum)];
  if (policy.by === 'energy') return (spectrum) => [ranksWithin(spectrum, 1 - policy.keep)];
  return (spectrum) => LEVELS.map((loss) => ranksWithin(spectrum, loss));
}
