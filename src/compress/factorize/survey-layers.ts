/** What is known of each layer before ranks are chosen: what it costs, what each candidate would cost, and lose. */
import { SkeinError } from '../../base/index.ts';
import type { ImageShape } from '../../data/index.ts';
import { feedsOf, type Model } from '../../graph/index.ts';
import { inferShapes, isKnown } from '../../ops/index.ts';
import {
  checkFactorization,
  type Factorization,
  type InputMoments,
  type WeightLayer,
  weightLayersOf,
} from '../../transforms/index.ts';
import type { Meter } from '../meter.ts';
import { Decomposer } from './decomposer.ts';
import { type LayerCost, LayerCosts } from './layer-costs.ts';
import type { Candidate, RankPolicy } from './rank-candidates.ts';

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
  /** Of the layers' inputs, by layer, see `observeInputMoments`. */
  readonly moments?: ReadonlyMap<string, InputMoments>;
  readonly signal?: AbortSignal;
  readonly onLayer?: (done: number, all: number, name: string) => void;
}

/** @throws SkeinError 'unsupported' for a model without layers; 'cancelled' on the signal; for ranks that a layer cannot have */
export async function surveyLayers(
  model: Model,
  policy: RankPolicy,
  { meter, shape, moments, signal, onLayer }: SurveyOptions,
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
  const decomposer = new Decomposer(signal, moments);
  const surveyed: SurveyedLayer[] = [];
  try {
    for (const [i, layer] of layers.entries()) {
      if (signal?.aborted)
        throw new SkeinError('cancelled', `Stopped after ${i} of ${layers.length} layers were measured`);
      onLayer?.(i, layers.length, layer.name);
      const dims = types.get(layer.node.inputs[0] ?? '')?.dims;
      surveyed.push(await survey(model, layer, policy, { costs, decomposer, dims, signal }));
    }
  } finally {
    await decomposer.close();
  }
  return surveyed;
}

/** For one image, or as many as the model is fixed at. */
export function inputShapesOf({ graph }: Model, shape: ImageShape): Readonly<Record<string, readonly number[]>> {
  const [input] = feedsOf(graph);
  const batch = input?.type?.dims?.[0];
  return { [input?.name ?? '']: [typeof batch === 'number' ? batch : 1, ...shape] };
}

interface Surroundings {
  readonly costs: LayerCosts;
  readonly decomposer: Decomposer;
  /** Of the layer's input. */
  readonly dims: readonly (number | string | undefined)[] | undefined;
  readonly signal: AbortSignal | undefined;
}

async function survey(
  model: Model,
  layer: WeightLayer,
  policy: RankPolicy,
  { costs, decomposer, dims, signal }: Surroundings,
): Promise<SurveyedLayer> {
  const stopped = (obstacle: string): SurveyedLayer => ({ layer, candidates: [], obstacle });
  if (layer.obstacle !== undefined) return stopped(layer.obstacle);
  if (dims === undefined || !isKnown(dims)) return stopped('the shape of its input is not known');
  const given = policy.by === 'given' ? policy.ranks.get(layer.name) : undefined;
  if (policy.by === 'given' && given === undefined) return stopped('no ranks are given for it');
  if (given !== undefined) checkFactorization(layer, given);
  const candidates =
    policy.by === 'given' ? [unweighed(given as Factorization)] : await decomposer.candidates(model, layer, policy);
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

/** What is given is taken, whatever it loses. */
function unweighed(factorization: Factorization): Candidate {
  return { factorization, loss: Number.NaN };
}
