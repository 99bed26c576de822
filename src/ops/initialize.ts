/** Initial weights. */
import type { Random } from '../base/index.ts';
import { elementCount, type Shape } from '../tensor/index.ts';

/**
 * How a builder's weights begin. Fan-in keeps the variance of activations from layer to layer, fan-out that of gradients;
 * either will do (He et al. 2015, section 2.2). Zeros are for counting and for weights that come from elsewhere.
 */
export type Initialization = 'kaiming-fan-in' | 'kaiming-fan-out' | 'zeros';

/**
 * Kaiming initialisation for ReLU networks: normal with standard deviation √(2 / fan) (He et al. 2015, equations 10 and
 * 14). Of a weight [out, in / groups, …kernel] the fan-in is in / groups · kernel, which is how many numbers an output is
 * the sum of, and the fan-out is out / groups · kernel, in how many sums an input is.
 */
export function kaimingNormal(random: Random, dims: Shape, fan: 'in' | 'out' = 'in', groups = 1): Float32Array {
  const kernel = elementCount(dims.slice(2));
  const ends = fan === 'in' ? (dims[1] ?? 1) : (dims[0] ?? 1) / groups;
  const deviation = Math.sqrt(2 / (ends * kernel));
  const weights = new Float32Array(elementCount(dims));
  for (let i = 0; i < weights.length; i++) weights[i] = deviation * random.normal();
  return weights;
}
