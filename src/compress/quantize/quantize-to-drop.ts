/**
 * Int8 for as many layers as accuracy allows: calibrate; leave in float what is not faster so; where more accuracy is lost
 * than allowed, train with the rounding; and where that is not enough, give the layers that change the answers most back
 * to float, no more of them than it takes.
 */
import type { Dataset, Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import {
  fakeQuantizedModel,
  prepareForQuantization,
  quantizeModel,
  type Ranges,
  withWeightsOf,
} from '../../transforms/index.ts';
import type { Meter } from '../meter.ts';
import { Stages } from '../stages.ts';
import { observeHistograms, rangesOf } from './calibrate.ts';
import { fewestInFloat, layersFasterInFloat } from './float-layers.ts';
import type { RangeOptions } from './range-methods.ts';
import { type Judging, scoresOf, top1Of } from './scores.ts';
import { type LayerSensitivity, layerNames, layerSensitivities } from './sensitivity.ts';

export interface QuantizeContext {
  readonly meter: Meter;
  /** What ranges are observed on. */
  readonly training: Dataset;
  /** What accuracy is judged by. */
  readonly heldOut: Dataset;
  readonly preprocessing: Preprocessing;
  readonly stages?: Stages;
  readonly signal?: AbortSignal;
  /** Trains the model with its rounding; not done unless told. */
  readonly fineTune?: (model: Model) => Promise<Model>;
  /** Something to say while it takes its time. */
  readonly onNote?: (line: string) => void;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

export interface QuantizeToDropOptions extends RangeOptions {
  /** Images to calibrate on; 256 unless told. */
  readonly images?: number;
  readonly seed?: number;
  /** Names of layers that stay float in any case. */
  readonly exclude?: readonly string[];
  readonly weightBits?: number;
  /** Of the held-out accuracy, fraction of 1: more may not be lost. */
  readonly maxDrop: number;
  /** Whether kinds of layers that may be slower in int8 are timed, and left in float if they are; true unless told. */
  readonly measureSpeed?: boolean;
  /** Whether to look at every layer by itself even if nothing has to go back to float. */
  readonly sensitivity?: boolean;
}

/** `excluded` by the caller, `not-faster` in int8, or given back for `accuracy`. */
export type FloatReason = 'excluded' | 'not-faster' | 'accuracy';

export interface QuantizedLayer {
  readonly name: string;
  /** Undefined for a layer in int8. */
  readonly inFloat?: FloatReason;
  /** Of the answers when it alone is rounded, in nats; where it was looked at. */
  readonly divergence?: number;
}

export interface QuantizeOutcome {
  readonly model: Model;
  readonly layers: readonly QuantizedLayer[];
  /** Whether the weights are those of training. */
  readonly trained: boolean;
  /** Of the held-out images, fractions of 1. */
  readonly top1: { readonly before: number; readonly int8: number; readonly trained?: number; readonly after: number };
}

/** Images that a layer is judged by: the answers' divergence needs few. */
const SENSITIVITY_IMAGES = 256;

/** Of differences of fractions. */
const ROUNDING = 1e-9;

/** @throws SkeinError 'unsupported' where the model has no layer for int8; 'cancelled' once the signal has come */
export async function quantizeToDrop(
  model: Model,
  context: QuantizeContext,
  options: QuantizeToDropOptions,
): Promise<QuantizeOutcome> {
  const run = new Run(model, context, options);
  return run.go();
}

class Run {
  readonly #context: QuantizeContext;
  readonly #options: QuantizeToDropOptions;
  readonly #judging: Judging;
  readonly #stages: Stages;
  readonly #inFloat = new Map<string, FloatReason>();
  #model: Model;
  #ranges: Ranges = new Map();
  #sensitivities: readonly LayerSensitivity[] | undefined;

  constructor(model: Model, context: QuantizeContext, options: QuantizeToDropOptions) {
    this.#model = prepareForQuantization(model);
    this.#context = context;
    this.#options = options;
    this.#stages = context.stages ?? new Stages();
    const { meter, heldOut: data, preprocessing, signal } = context;
    this.#judging = { meter, data, preprocessing, ...(signal === undefined ? {} : { signal }) };
  }

  async go(): Promise<QuantizeOutcome> {
    const { onNote = () => {} } = this.#context;
    const { exclude = [], maxDrop, measureSpeed = true, sensitivity = false } = this.#options;
    await this.#calibrate();
    for (const name of exclude) this.#inFloat.set(name, 'excluded');
    if (measureSpeed) for (const name of await this.#notFaster()) this.#inFloat.set(name, 'not-faster');
    const before = await this.#top1(this.#model);
    const int8 = await this.#top1(this.#quantized());
    onNote(`float ${percents(before)}, ${this.#layersInInt8()} layers in int8 ${percents(int8)}`);
    const isEnough = (top1: number): boolean => before - top1 <= maxDrop + ROUNDING;
    let after = int8;
    let trained: number | undefined;
    let better: Model | undefined;
    if (!isEnough(after) && this.#context.fineTune !== undefined) {
      better = await this.#train();
      trained = await this.#top1(this.#quantized(better));
      const more = isEnough(trained) ? '' : ': too little, layers go back to float';
      onNote(`trained with the rounding ${percents(trained)}${more}`);
    }
    if (better !== undefined && trained !== undefined && isEnough(trained)) [this.#model, after] = [better, trained];
    else if (!isEnough(after)) after = await this.#giveBack(isEnough, better);
    if (sensitivity) await this.#lookAtLayers();
    return {
      model: this.#quantized(),
      layers: this.#rows(),
      trained: better !== undefined && this.#model === better,
      top1: { before, int8, ...(trained === undefined ? {} : { trained }), after },
    };
  }

  async #calibrate(): Promise<void> {
    const { meter, training, preprocessing, signal } = this.#context;
    const { images, seed } = this.#options;
    const histograms = await observeHistograms(this.#model, meter, training, preprocessing, {
      ...(images === undefined ? {} : { images }),
      ...(seed === undefined ? {} : { seed }),
      ...(signal === undefined ? {} : { signal }),
    });
    this.#ranges = rangesOf(histograms, this.#options);
  }

  /** Kept: what is measured anew may come out differently, and training would not be gone on with. */
  #notFaster(): Promise<readonly string[]> {
    const { meter, preprocessing } = this.#context;
    const timing = { ...this.#bits(), exclude: this.#options.exclude ?? [], shape: preprocessing.shape };
    return this.#stages.value('not-faster', [this.#model, [...this.#ranges], timing], () =>
      layersFasterInFloat(this.#model, this.#ranges, meter, timing),
    );
  }

  async #train(): Promise<Model> {
    const exclude = this.#inFloat.keys();
    const fake = fakeQuantizedModel(this.#model, this.#ranges, { ...this.#bits(), exclude });
    return withWeightsOf(this.#model, (await this.#context.fineTune?.(fake)) ?? fake);
  }

  /**
   * Of the weights that there were and those that were trained with the rounding: these round better and compute worse in
   * float, so that it is tried which of them need fewer layers in float.
   */
  async #giveBack(isEnough: (top1: number) => boolean, trained: Model | undefined): Promise<number> {
    const rows = (await this.#lookAtLayers()).filter(({ name }) => !this.#inFloat.has(name));
    const ranked = rows.toSorted((a, b) => b.divergence - a.divergence).map(({ name }) => name);
    let best = await this.#fewestOf(this.#model, ranked, isEnough, 'more in float');
    if (trained !== undefined) {
      const other = await this.#fewestOf(trained, ranked, isEnough, 'more in float, trained,');
      const [more, less] = [other, best].map(({ inFloat }) => inFloat.length) as [number, number];
      if (isEnough(other.top1) && (more < less || (more === less && other.top1 > best.top1))) best = other;
    }
    this.#model = best.model;
    for (const name of best.inFloat) this.#inFloat.set(name, 'accuracy');
    return best.top1;
  }

  async #fewestOf(model: Model, ranked: readonly string[], isEnough: (top1: number) => boolean, words: string) {
    const { onNote = () => {} } = this.#context;
    const top1s = new Map<number, number>();
    const inFloat = await fewestInFloat(ranked, async (more) => {
      const top1 = await this.#top1(this.#quantized(model, more));
      top1s.set(more.length, top1);
      onNote(`${more.length} ${words} ${percents(top1)}`);
      return isEnough(top1);
    });
    const top1 = top1s.get(inFloat.length) ?? (await this.#top1(this.#quantized(model, inFloat)));
    return { model, inFloat, top1 };
  }

  async #lookAtLayers(): Promise<readonly LayerSensitivity[]> {
    const { onProgress = () => {} } = this.#context;
    const judging = { ...this.#judging, images: SENSITIVITY_IMAGES };
    const bits = this.#bits();
    const total = layerNames(this.#model).length;
    const settings = [this.#model, [...this.#ranges], bits, await judging.data.digest()];
    this.#sensitivities ??= await this.#stages.value('sensitivity', settings, async () => {
      const reference = await scoresOf(this.#model, judging);
      return layerSensitivities(this.#model, this.#ranges, judging, reference, bits, (done) =>
        onProgress('layers looked at', done, total),
      );
    });
    return this.#sensitivities;
  }

  #quantized(model: Model = this.#model, more: readonly string[] = []): Model {
    const exclude = [...this.#inFloat.keys(), ...more];
    return quantizeModel(model, this.#ranges, { ...this.#bits(), exclude });
  }

  #bits() {
    const { weightBits } = this.#options;
    return weightBits === undefined ? {} : { weightBits };
  }

  async #top1(model: Model): Promise<number> {
    return top1Of(await scoresOf(model, this.#judging));
  }

  #layersInInt8(): number {
    return layerNames(this.#model).filter((name) => !this.#inFloat.has(name)).length;
  }

  #rows(): QuantizedLayer[] {
    const divergences = new Map(this.#sensitivities?.map(({ name, divergence }) => [name, divergence]));
    return layerNames(this.#model).map((name) => {
      const [inFloat, divergence] = [this.#inFloat.get(name), divergences.get(name)];
      return {
        name,
        ...(inFloat === undefined ? {} : { inFloat }),
        ...(divergence === undefined ? {} : { divergence }),
      };
    });
  }
}

function percents(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}
