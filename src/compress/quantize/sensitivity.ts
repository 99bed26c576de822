/** What each layer costs when it alone is rounded, as the divergence of the model's answers from those of the float model. */
import type { Model } from '../../graph/index.ts';
import {
  layerName,
  planQuantization,
  prepareForQuantization,
  type QuantizeOptions,
  quantizeModel,
  type Ranges,
} from '../../transforms/index.ts';
import { divergenceOf, type Judging, type Scores, scoresOf, top1Of } from './scores.ts';

export interface LayerSensitivity {
  readonly name: string;
  /** Mean KL divergence in nats. */
  readonly divergence: number;
  /** Fraction of 1. */
  readonly top1: number;
}

/** The names of the layers that could be int8, in the order of running. */
export function layerNames(model: Model): string[] {
  return [...new Set(planQuantization(prepareForQuantization(model)).candidates.map(layerName))];
}

/**
 * A row a layer, in the order of running.
 * @param reference the scores of the float model for the same images
 */
export async function layerSensitivities(
  model: Model,
  ranges: Ranges,
  judging: Judging,
  reference: Scores,
  options: Omit<QuantizeOptions, 'exclude'> = {},
  onLayer: (done: number) => void = () => {},
): Promise<LayerSensitivity[]> {
  const names = layerNames(model);
  const rows: LayerSensitivity[] = [];
  for (const name of names) {
    const exclude = names.filter((other) => other !== name);
    const scores = await scoresOf(quantizeModel(model, ranges, { ...options, exclude }), judging);
    rows.push({ name, divergence: divergenceOf(scores, reference), top1: top1Of(scores) });
    onLayer(rows.length);
  }
  return rows;
}
