/** What is known of each layer before ranks are chosen: what it costs, what each candidate would cost, and lose. */
import { setImmediate } from 'node:timers/promises';
import { SkeinError } from '../../base/index.ts';
import type { ImageShape } from '../../data/index.ts';
import { feedsOf, type Model } from '../../graph/index.ts';
import { inferShapes, isKnown } from '../../ops/index.ts';
import {
  checkFactorization,
  type Factorization,
  kernelOfLayer,
  type WeightLayer,
  weightLayersOf,
} from '../../transforms/index.ts';
import type { Meter } from '../meter.ts';
import { type LayerCost, LayerCosts } from './layer-costs.ts';
import { type Candidate, type RankPolicy, rankCandidates } from './rank-candidates.ts';

export interface CostedCandidate extends Candidate, LayerCost {}

export interface SurveyedLayer {
  readonly layer: WeightLayer;
  /** As it is; undefined where something is in the way. */
  readonly whole?: LayerCost;
  readonly candidates: readonly CostedCandidate[];
  readonly obstacle?: string;
}

export interface SurveyOptions {
  readonly meter: Pick<Meter, 'latenciesMs'>;
  /** Of an image. */
  readonly shape: ImageShape;
  readonly signal?: AbortSignal;
  readonly onLayer?: (done: number, all: number, name: string) => void;
}

/** @throws SkeinError 'unsupported' for a model without layers; 'cancelled' on the signal; for ranks that a layer cannot have */
export async function surveyLayers(
  model: Model,
  policy: RankPolicy,
  { meter, shape, signal, onLayer }: SurveyOptions,
): Promise<readonly SurveyedLayer[]> {
  const layers = weightLayersOf(model);
  if (layers.length === 0) {
    throw new SkeinError(
      'unsupported',
      'Cannot factorize the model: it has no Conv, Gemm or MatMul whose weights are constants',
    );
  }
  const types = inferShapes(model, { inputShapes: inputShapesOf(model, shape) });
  const costs = new LayerCosts(meter);
  const surveyed: SurveyedLayer[] = [];
  for (const [i, layer] of layers.entries()) {
    if (signal?.aborted)
      throw new SkeinError('cancelled', `Stopped after ${i} of ${layers.length} layers were measured`);
    onLayer?.(i, layers.length, layer.name);
    // The spectra of a wide layer take seconds, in which nothing else is heard.
    await setImmediate();
    surveyed.push(await survey(model, layer, policy, costs, types.get(layer.node.inputs[0] ?? '')?.dims, signal));
  }
  return surveyed;
}

/** For one image, or as many as the model is fixed at. */
export function inputShapesOf({ graph }: Model, shape: ImageShape): Readonly<Record<string, readonly number[]>> {
  const [input] = feedsOf(graph);
  const batch = input?.type?.dims?.[0];
  return { [input?.name ?? '']: [typeof batch === 'number' ? batch : 1, ...shape] };
}

async function survey(
  model: Model,
  layer: WeightLayer,
  policy: RankPolicy,
  costs: LayerCosts,
  dims: readonly (number | string | undefined)[] | undefined,
  signal: AbortSignal | undefined,
): Promise<SurveyedLayer> {
  const stopped = (obstacle: string): SurveyedLayer => ({ layer, candidates: [], obstacle });
  if (layer.obstacle !== undefined) return stopped(layer.obstacle);
  if (dims === undefined || !isKnown(dims)) return stopped('the shape of its input is not known');
  const given = policy.by === 'given' ? policy.ranks.get(layer.name) : undefined;
  if (policy.by === 'given' && given === undefined) return stopped('no ranks are given for it');
  if (given !== undefined) checkFactorization(layer, given);
  const candidates = policy.by === 'given' ? [unweighed(given as Factorization)] : candidatesOf(model, layer, policy);
  if (candidates === undefined) return stopped('its weights are not all finite numbers');
  const [whole, ...parts] = await costs.of(
    model,
    layer,
    dims,
    candidates.map(({ factorization }) => factorization),
    signal,
  );
  return {
    layer,
    ...(whole === undefined ? {} : { whole }),
    candidates: candidates.map((candidate, i) => ({ ...candidate, ...(parts[i] as LayerCost) })),
  };
}

function candidatesOf(model: Model, layer: WeightLayer, policy: Exclude<RankPolicy, { by: 'given' }>) {
  const kernel = kernelOfLayer(model, layer);
  return kernel && rankCandidates(kernel, layer.kinds, policy);
}

/** What is given is taken, whatever it loses. */
function unweighed(factorization: Factorization): Candidate {
  return { factorization, loss: Number.NaN };
}
