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
  const survivors = weights.filter((weight) => weight !== 0);
  const values = survivors.length < weights.length ? 2 ** bits - 1 : 2 ** bits;
  const { centroids, nearest } = kMeans(survivors, values);
  let at = 0;
  const codes = Uint16Array.from(weights, (weight) => (weight === 0 ? 0 : (nearest[at++] as number) + 1));
  return { codebook: centroids, codes };
}

/** The weights that they stand for. */
export function sharedValues({ codebook, codes }: SharedWeights): Float32Array {
  return Float32Array.from(codes, (code) => (code === 0 ? 0 : (codebook[code - 1] as number)));
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
