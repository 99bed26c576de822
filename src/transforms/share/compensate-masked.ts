/**
 * Lets the weights that stay speak for those that a mask takes: in each row of weights that one output has for one pixel of
 * the window, by least squares on what the layer answers to images (the update of Hassibi and Stork 1993, for a given mask,
 * with the second moments C of the input's channels): w_K + C_KK⁻¹ · C_KR · w_R.
 */
import type { Model } from '../../graph/index.ts';
import { type LayerWeights, type WeightLayer, weightLayersOf, weightsOfLayer } from '../factorize/index.ts';
import { type InputMoments, withRidge } from '../input-moments.ts';
import { cholesky, type Matrix, matrix, solvedAbove, solvedBelow } from '../matrix.ts';
import { withWeights } from './shared-weights.ts';

/** A layer of which a mask takes weights, and what is known of its input: all that its other weights follow from. */
export interface MaskedLayer extends LayerWeights, Pick<WeightLayer, 'name' | 'weight'> {
  /** 0 for each weight that goes. */
  readonly mask: Uint8Array;
  /** Of the input's channels, positive definite. */
  readonly moments: Matrix;
}

/**
 * The layers that have something to say for each other.
 * @param masks by initializer @param moments of the inputs of layers, by layer; one that has none keeps its weights
 */
export function* maskedLayers(
  model: Model,
  masks: ReadonlyMap<string, Uint8Array>,
  moments: ReadonlyMap<string, InputMoments>,
): Generator<MaskedLayer> {
  for (const layer of weightLayersOf(model)) {
    const { name, weight } = layer;
    const mask = masks.get(weight);
    const products = moments.get(name);
    const known = products && withRidge(products.channels);
    if (mask !== undefined && known !== undefined)
      yield { name, weight, ...weightsOfLayer(model, layer), mask, moments: known };
  }
}

/** The model with other weights where the mask is 1; those where it is 0 stay as they are. @param masks see `maskedLayers` */
export function compensateMasked(
  model: Model,
  masks: ReadonlyMap<string, Uint8Array>,
  moments: ReadonlyMap<string, InputMoments>,
): Model {
  const layers = [...maskedLayers(model, masks, moments)];
  if (layers.length === 0) return model;
  return withWeights(model, new Map(layers.map((layer) => [layer.weight, compensatedWeights(layer)])));
}

/**
 * The weights of one layer, in their order. Each row of n weights that stay takes n³ / 3 products: minutes for a matrix of
 * 2048 × 1000.
 */
export function compensatedWeights({
  elements: weights,
  mask,
  dims: [out, channels, height, width],
  transposed,
  moments,
}: MaskedLayer): Float32Array<ArrayBuffer> {
  const made = Float32Array.from(weights);
  const area = height * width;
  const between = transposed ? out : area;
  for (let o = 0; o < out; o++) {
    for (let p = 0; p < area; p++) {
      const from = transposed ? o : o * channels * area + p;
      const [kept, gone]: [number[], number[]] = [[], []];
      for (let i = 0; i < channels; i++) {
        const at = from + i * between;
        if (mask[at] === 1) kept.push(i);
        else if (weights[at] !== 0) gone.push(i);
      }
      if (kept.length === 0 || gone.length === 0) continue;
      const shares = sharesOf(moments, kept, gone, (i) => weights[from + i * between] as number);
      for (const [k, i] of kept.entries()) {
        const at = from + i * between;
        made[at] = (made[at] as number) + (shares[k] ?? 0);
      }
    }
  }
  return made;
}

/** C_KK⁻¹ · C_KR · w_R */
function sharesOf(
  { columns, data }: Matrix,
  kept: readonly number[],
  gone: readonly number[],
  weight: (channel: number) => number,
): Float64Array {
  const size = kept.length;
  const products = matrix(size, size);
  const missing = matrix(size, 1);
  for (let k = 0; k < size; k++) {
    const row = (kept[k] as number) * columns;
    for (let j = 0; j < size; j++) products.data[k * size + j] = data[row + (kept[j] as number)] as number;
    let sum = 0;
    for (const r of gone) sum += (data[row + r] as number) * weight(r);
    missing.data[k] = sum;
  }
  const l = cholesky(products);
  return l === undefined ? new Float64Array(size) : solvedAbove(l, solvedBelow(l, missing)).data;
}
