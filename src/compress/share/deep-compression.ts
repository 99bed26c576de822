/**
 * Deep Compression (Han et al. 2016) of a model's weights: the small ones go, in steps with retraining; the rest become few
 * values by k-means; the codebooks are trained. What comes out is a plain model with weights that `.skz` holds in few bytes.
 */
import { SkeinError } from '../../base/index.ts';
import type { Dataset } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { liftWeights } from '../../ops/index.ts';
import {
  type Criterion,
  type InputMoments,
  magnitudeMasks,
  sharedValues,
  shareWeights,
  type WeightTensor,
  weightTensors,
  withCodebooks,
  withMasks,
  withWeights,
} from '../../transforms/index.ts';
import type { FineTuneOptions } from '../fine-tune.ts';
import { compensated } from './compensator.ts';
import { epochsOfSteps, partEpochs } from './part-epochs.ts';

export interface DeepCompressionOptions {
  /** Share of all weights that becomes zero, from 0 to below 1. */
  readonly sparsity: number;
  readonly criterion: Criterion;
  /** Prunings, each followed by retraining. */
  readonly steps: number;
  /** Bits of a code, by kind of layer. */
  readonly bits: Readonly<Record<WeightTensor['kind'], number>>;
  /** Of training, over all steps. */
  readonly epochs: number;
  /** The highest rate of the codebooks' training. */
  readonly codebookRate: number;
  /**
   * What flows into the layers of a model, see `observeInputMoments`: the weights that stay then speak for those that go.
   * Without it they stay as they are.
   */
  readonly moments?: (model: Model, step: number) => Promise<ReadonlyMap<string, InputMoments>>;
  /** Told of each layer before its weights are fitted so. */
  readonly onLayer?: (done: number, all: number, name: string) => void;
  readonly training: Dataset;
  readonly seed: number;
  /** Trains a model as the stage `name`, with these changes to how it is trained otherwise. */
  readonly fineTune: (name: string, model: Model, changes: Partial<FineTuneOptions>) => Promise<Model>;
  /** Told of the model after each step. */
  readonly onStep?: (step: CompressionStep) => Promise<void> | void;
  readonly signal?: AbortSignal;
}

export interface CompressionStep {
  readonly name: 'pruned' | 'retrained' | 'shared' | 'codebooks trained';
  /** Of all weights. */
  readonly sparsity: number;
  readonly model: Model;
}

/**
 * @throws SkeinError 'unsupported' for a model without such weights, 'invalid-argument' for a sparsity that there is not,
 * 'cancelled' on the signal, as `fineTune` does
 */
export async function deepCompression(given: Model, options: DeepCompressionOptions): Promise<Model> {
  const { sparsity, steps, epochs } = options;
  let model = liftWeights(given);
  const layers = weightTensors(model);
  if (layers.length === 0) {
    throw new SkeinError(
      'unsupported',
      'Cannot share the weights of the model: it has no float32 weights of convolutions or matrix products; take it from before it was quantised or converted',
    );
  }
  const budget = epochsOfSteps(epochs, steps);
  for (const [i, own] of budget.slice(0, -1).entries()) {
    model = await prune(model, layers, sparsityAt(sparsity, i + 1, steps), i + 1, own, options);
  }
  return share(model, layers, budget.at(-1) as number, options);
}

/** Rising quickly, then slowly: s·(1 − (1 − i/n)³) (Zhu and Gupta 2017, equation 1). */
function sparsityAt(sparsity: number, step: number, steps: number): number {
  return sparsity * (1 - (1 - step / steps) ** 3);
}

async function prune(
  model: Model,
  layers: readonly WeightTensor[],
  sparsity: number,
  step: number,
  epochs: number,
  options: DeepCompressionOptions,
): Promise<Model> {
  if (sparsity === 0 && epochs === 0) return model;
  const masks = magnitudeMasks(
    layers.map(({ name }) => weightsOf(model, name)),
    sparsity,
    options.criterion,
  );
  const byName = new Map(layers.map(({ name }, i) => [name, masks[i] as (typeof masks)[number]]));
  const moments = await options.moments?.(model, step);
  const spoken = moments === undefined ? model : await compensated(model, byName, moments, options);
  const masked = withMasks(spoken, byName);
  await report('pruned', masked.restore(masked.model), layers, options);
  const { training, seed, fineTune } = options;
  const trained = await fineTune(`retrain-${step}`, masked.model, partEpochs(epochs, training, seed + step));
  const retrained = masked.restore(trained);
  if (epochs > 0) await report('retrained', retrained, layers, options);
  return retrained;
}

async function share(
  model: Model,
  layers: readonly WeightTensor[],
  epochs: number,
  options: DeepCompressionOptions,
): Promise<Model> {
  const { bits, training, seed, steps, codebookRate: rate } = options;
  const shared = new Map(layers.map(({ name, kind }) => [name, shareWeights(weightsOf(model, name), bits[kind])]));
  const few = withWeights(model, new Map([...shared].map(([name, each]) => [name, sharedValues(each)])));
  await report('shared', few, layers, options);
  if (epochs === 0) return few;
  const coded = withCodebooks(few, shared);
  const trained = await options.fineTune('codebooks', coded.model, {
    ...partEpochs(epochs, training, seed + steps + 1),
    rate,
    // A centroid's gradient is a sum over as many weights as it has: only its sign and scatter say how far to go.
    optimizer: { kind: 'adamw', weightDecay: 0 },
  });
  const tuned = coded.restore(trained);
  await report('codebooks trained', tuned, layers, options);
  return tuned;
}

async function report(
  name: CompressionStep['name'],
  model: Model,
  layers: readonly WeightTensor[],
  { onStep, signal }: DeepCompressionOptions,
): Promise<void> {
  if (signal?.aborted) throw new SkeinError('cancelled', `Stopped when the weights were ${name}`);
  if (onStep === undefined) return;
  let [zeros, all] = [0, 0];
  for (const layer of layers) {
    const weights = weightsOf(model, layer.name);
    for (let i = 0; i < weights.length; i++) if (weights[i] === 0) zeros++;
    all += weights.length;
  }
  await onStep({ name, sparsity: zeros / all, model });
}

function weightsOf({ graph }: Model, name: string): Float32Array {
  return graph.initializers.get(name)?.float32s() ?? new Float32Array();
}
