/** Weights as few values: a codebook, and for each weight which of them it is (Han et al. 2016, section 3). */
import { type Model, Tensor } from '../../graph/index.ts';
import { kMeans } from './k-means.ts';

export interface SharedWeights {
  /** Values of the codes from 1 on; code 0 is zero, and stays so. */
  readonly codebook: Float32Array;
  /** A code for each weight. */
  readonly codes: Uint16Array;
}

/**
 * Clusters the weights that are not zero. With zero there are at most 2^bits values.
 * @param bits of a code, 1 to 12
 */
export function shareWeights(weights: Float32Array, bits: number): SharedWeights {
  // Loops: these are arrays of millions.
  let count = 0;
  for (let i = 0; i < weights.length; i++) if (weights[i] !== 0) count++;
  const survivors = new Float32Array(count);
  for (let i = 0, at = 0; i < weights.length; i++) if (weights[i] !== 0) survivors[at++] = weights[i] as number;
  const values = count < weights.length ? 2 ** bits - 1 : 2 ** bits;
  const { centroids, nearest } = kMeans(survivors, values);
  const codes = new Uint16Array(weights.length);
  for (let i = 0, at = 0; i < weights.length; i++) if (weights[i] !== 0) codes[i] = (nearest[at++] as number) + 1;
  return { codebook: centroids, codes };
}

/** The weights that they stand for. */
export function sharedValues({ codebook, codes }: SharedWeights): Float32Array {
  const values = Float32Array.of(0, ...codebook);
  const weights = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) weights[i] = values[codes[i] as number] as number;
  return weights;
}

/** The model with other values in the named initializers; their shapes stay. */
export function withWeights(model: Model, weights: ReadonlyMap<string, Float32Array>): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, values] of weights) {
    const dims = initializers.get(name)?.dims ?? [];
    initializers.set(name, Tensor.float32(dims, values));
  }
  return { ...model, graph: { ...model.graph, initializers } };
}
