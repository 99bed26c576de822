/**
 * Accuracy against bits, simulated: what hardware with such integers would answer. The whole model with its weights in few
 * bits (activations in 8) and with both, and each layer by itself, all others in float.
 */
import type { Model } from '../../graph/index.ts';
import { quantizeModel } from '../../transforms/index.ts';
import { type Histograms, rangesOf } from './calibrate.ts';
import type { RangeOptions } from './range-methods.ts';
import { type Judging, scoresOf, top1Of } from './scores.ts';
import { layerNames } from './sensitivity.ts';

export const SWEEP_BITS = [8, 7, 6, 5, 4, 3, 2] as const;

export interface WholeAtBits {
  readonly bits: number;
  /** Fractions of 1: weights alone in so few bits, and activations too. */
  readonly weights: number;
  readonly both: number;
}

export interface LayerAtBits {
  readonly name: string;
  /** For each of `bits`; fractions of 1. */
  readonly top1: readonly number[];
}

export interface BitSweep {
  readonly bits: readonly number[];
  /** Of the float model, on the images of the whole and on those of the layers. */
  readonly float: { readonly whole: number; readonly layers: number };
  readonly whole: readonly WholeAtBits[];
  readonly layers: readonly LayerAtBits[];
  readonly images: { readonly whole: number; readonly layers: number };
}

export interface BitSweepOptions {
  readonly ranges: Omit<RangeOptions, 'bits'>;
  /** Images that the whole model is judged by; 1000 unless told. */
  readonly wholeImages?: number;
  /** That each layer is judged by; 250 unless told. */
  readonly layerImages?: number;
  readonly onProgress?: (done: number, total: number) => void;
  /** Finds a part again that an earlier call has done; parts have names of letters, digits and dashes. */
  readonly keep?: (part: string, make: () => Promise<number[]>) => Promise<number[]>;
}

/** @param histograms of `observeHistograms` */
export async function sweepBits(
  model: Model,
  histograms: Histograms,
  judging: Omit<Judging, 'images'>,
  options: BitSweepOptions,
): Promise<BitSweep> {
  const { wholeImages = 1000, layerImages = 250, onProgress = () => {}, keep = (_, make) => make() } = options;
  const names = layerNames(model);
  const total = SWEEP_BITS.length * (names.length + 2) + 2;
  let done = 0;
  /** The accuracy of each of these models, made when it is its turn. */
  const part = async (name: string, images: number, models: readonly (() => Model)[]): Promise<number[]> => {
    const before = done;
    const found = await keep(name, async () => {
      const row: number[] = [];
      for (const make of models) {
        row.push(top1Of(await scoresOf(make(), { ...judging, images })));
        onProgress(++done, total);
      }
      return row;
    });
    done = before + models.length;
    return found;
  };
  const ranges = new Map(SWEEP_BITS.map((bits) => [bits, rangesOf(histograms, { ...options.ranges, bits })]));
  const at = (
    weightBits: number,
    activationBits: (typeof SWEEP_BITS)[number],
    exclude: readonly string[] = [],
  ): Model => quantizeModel(model, ranges.get(activationBits) ?? new Map(), { weightBits, activationBits, exclude });
  const weights = await part(
    'weights',
    wholeImages,
    SWEEP_BITS.map((bits) => () => at(bits, 8)),
  );
  const both = await part(
    'both',
    wholeImages,
    SWEEP_BITS.map((bits) => () => at(bits, bits)),
  );
  const layers: LayerAtBits[] = [];
  for (const [i, name] of names.entries()) {
    const others = names.filter((other) => other !== name);
    const top1 = await part(
      `layer-${i}`,
      layerImages,
      SWEEP_BITS.map((bits) => () => at(bits, bits, others)),
    );
    layers.push({ name, top1 });
  }
  const [ofWhole = 0] = await part('float', wholeImages, [() => model]);
  const [ofLayers = 0] = await part('float-of-layers', layerImages, [() => model]);
  const size = (images: number): number => Math.min(images, judging.data.size);
  return {
    bits: SWEEP_BITS,
    float: { whole: ofWhole, layers: ofLayers },
    whole: SWEEP_BITS.map((bits, i) => ({ bits, weights: weights[i] as number, both: both[i] as number })),
    layers,
    images: { whole: size(wholeImages), layers: size(layerImages) },
  };
}
