/**
 * Chooses for each layer whether and how it is split. Only what is faster alone, measured, is taken; the kinds compete. For
 * a target the losses of the layers, as energies kept, are multiplied (Zhang et al. 2016, section 3.3) and the product made
 * as large as the target allows; milliseconds are those of the whole model in the end, not a sum of layers.
 */
import { SkeinError } from '../../base/index.ts';
import type { ImageShape } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { costOf } from '../../ops/index.ts';
import { type Factorization, sketchFactorized } from '../../transforms/index.ts';
import { chooseWithin } from './choose-within.ts';
import type { LayerCost } from './layer-costs.ts';
import type { RankPolicy } from './rank-candidates.ts';
import {
  type CostedCandidate,
  inputShapesOf,
  type SurveyedLayer,
  type SurveyOptions,
  surveyLayers,
} from './survey-layers.ts';

export interface LayerDecision {
  readonly name: string;
  /** [out, in, height, width] */
  readonly dims: readonly number[];
  /** Undefined where the layer is left alone. */
  readonly factorization?: Factorization;
  /** Of the squared weights, or outputs where moments are known, 0 to 1. Undefined where it was not asked for. */
  readonly kept?: number;
  readonly before?: LayerCost;
  readonly after?: LayerCost;
  readonly why: string;
}

/** Less than this is noise. */
const FASTER = 0.97;
const ROUNDS = 6;

/**
 * @throws SkeinError 'invalid-argument' for a target that cannot be met, with the best that can; 'unsupported' and
 * 'cancelled' as surveyLayers
 */
export async function planFactorization(
  model: Model,
  policy: RankPolicy,
  options: SurveyOptions,
): Promise<readonly LayerDecision[]> {
  const surveyed = await surveyLayers(model, policy, options);
  if (policy.by === 'given') return surveyed.map((each) => decided(each, each.candidates[0], 'as given'));
  if (policy.by === 'macs') return withinMacs(model, surveyed, policy.most, options);
  if (policy.by === 'latency') return withinMs(model, surveyed, policy, options);
  return surveyed.map((each) => {
    const [fastest] = [...faster(each)].sort((a, b) => a.ms - b.ms);
    const others = each.candidates.length - 1;
    return decided(each, fastest, others > 0 ? `the fastest of ${others + 1}` : 'faster');
  });
}

/** What is split, for `rewriteFactorized`. */
export function factorizationsOf(decisions: readonly LayerDecision[]): ReadonlyMap<string, Factorization> {
  return new Map(
    decisions.flatMap(({ name, factorization }) =>
      factorization === undefined ? [] : [[name, factorization] as const],
    ),
  );
}

/** Of one image of this shape. */
export function macsOf(model: Model, shape: ImageShape): number {
  return costOf(model, { inputShapes: inputShapesOf(model, shape) }).macs;
}

function withinMacs(model: Model, surveyed: readonly SurveyedLayer[], most: number, options: SurveyOptions) {
  const total = macsOf(model, options.shape);
  const chosen = choose(surveyed, most - total, ({ macs }) => macs);
  if (chosen !== undefined) return chosen;
  const best = total + sum(surveyed.map((each) => least(each, ({ macs }) => macs)));
  throw outOfReach(`${million(most)} MACs`, million(best), million(total));
}

async function withinMs(
  model: Model,
  surveyed: readonly SurveyedLayer[],
  policy: Extract<RankPolicy, { by: 'latency' }>,
  { meter, shape, signal }: SurveyOptions,
): Promise<readonly LayerDecision[]> {
  const timed = async (decisions: readonly LayerDecision[]): Promise<readonly [before: number, after: number]> => {
    const split = sketchFactorized(model, factorizationsOf(decisions));
    const [before = 0, after = 0] = await meter.latenciesMs([model, split], { shape });
    return [before, after];
  };
  const mostOf = (before: number): number => ('mostMs' in policy ? policy.mostMs : before / policy.times);
  const cheapest = surveyed.map((each) => decided(each, cheapestOf(each), 'the fastest'));
  const [whole, best] = await timed(cheapest);
  const milliseconds = (ms: number): string => `${ms.toFixed(3)} ms`;
  if (best > mostOf(whole)) throw outOfReach(milliseconds(mostOf(whole)), milliseconds(best), milliseconds(whole));
  let found: readonly LayerDecision[] = cheapest;
  // Layers alone do not add up to the model: how much of what they can save is needed is found by halving.
  let [low, high] = [0, 1];
  const most = sum(surveyed.map((each) => least(each, ({ ms }) => ms)));
  for (let round = 0; round < ROUNDS; round++) {
    if (signal?.aborted) throw new SkeinError('cancelled', 'Stopped while ranks were chosen');
    const part = (low + high) / 2;
    const decisions = choose(surveyed, part * most, ({ ms }) => ms) ?? cheapest;
    const [before, after] = await timed(decisions);
    if (after <= mostOf(before)) {
      found = decisions;
      high = part;
    } else low = part;
  }
  return found;
}

/** @param budget by how much the costs may change: below 0 where they must fall */
function choose(
  surveyed: readonly SurveyedLayer[],
  budget: number,
  cost: (of: LayerCost) => number,
): readonly LayerDecision[] | undefined {
  const candidates = surveyed.map(faster);
  const options = surveyed.map(({ whole }, i) => [
    { loss: 0, cost: 0 },
    ...(candidates[i] ?? []).map((each) => ({
      loss: -Math.log(Math.max(1 - each.loss, 1e-6)),
      cost: cost(each) - cost(whole ?? each),
    })),
  ]);
  return chooseWithin(options, budget)?.map((option, i) => {
    const candidate = candidates[i]?.[option - 1];
    return decided(
      surveyed[i] as SurveyedLayer,
      candidate,
      candidate === undefined ? 'not needed for the target' : 'for the target',
    );
  });
}

function faster({ whole, candidates }: SurveyedLayer): readonly CostedCandidate[] {
  return candidates.filter(({ ms }) => whole !== undefined && ms < FASTER * whole.ms);
}

function cheapestOf(each: SurveyedLayer): CostedCandidate | undefined {
  return [...faster(each)].sort((a, b) => a.ms - b.ms)[0];
}

/** By how much the layer's cost can change at best; 0 or below. */
function least(each: SurveyedLayer, cost: (of: LayerCost) => number): number {
  const { whole } = each;
  if (whole === undefined) return 0;
  return Math.min(0, ...faster(each).map((candidate) => cost(candidate) - cost(whole)));
}

function decided(surveyed: SurveyedLayer, candidate: CostedCandidate | undefined, why: string): LayerDecision {
  const { layer, whole, obstacle } = surveyed;
  const { name, dims } = layer;
  const before = whole === undefined ? {} : { before: whole };
  if (candidate === undefined) return { name, dims, ...before, why: obstacle ?? slowness(surveyed) ?? why };
  const { factorization, loss, macs, ms } = candidate;
  const kept = Number.isNaN(loss) ? {} : { kept: 1 - loss };
  const slower = whole !== undefined && ms > whole.ms ? `${why}, though it is slower` : why;
  return { name, dims, factorization, ...kept, ...before, after: { macs, ms }, why: slower };
}

/** Why none of the candidates is taken; undefined where one could be. */
function slowness(surveyed: SurveyedLayer): string | undefined {
  const { candidates } = surveyed;
  if (faster(surveyed).length > 0) return undefined;
  const [fastest] = [...candidates].sort((a, b) => a.ms - b.ms);
  if (fastest === undefined) return 'the ranks that it needs would not make it smaller';
  const { kind, ranks } = fastest.factorization;
  return `it would not be faster: ${fastest.ms.toFixed(3)} ms by ${kind} ${ranks.join(',')}`;
}

function outOfReach(target: string, best: string, now: string): SkeinError {
  return new SkeinError(
    'invalid-argument',
    `Cannot factorize down to ${target}: the best that can be reached is ${best}, from ${now} now`,
  );
}

const million = (macs: number): string => `${(macs / 1e6).toFixed(macs < 1e7 ? 3 : 1)} M`;

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
