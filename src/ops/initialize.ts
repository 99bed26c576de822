/** Initial weights. */
import type { Random } from '../base/index.ts';
import { elementCount, type Shape } from '../tensor/index.ts';

/**
 * Kaiming initialisation for ReLU networks, fan-in mode: normal with standard deviation √(2 / fan-in) (He et al. 2015,
 * equation 10). The fan-in of a weight [out, in, …kernel] is in · kernel.
 */
export function kaimingNormal(random: Random, dims: Shape): Float32Array {
  const fanIn = elementCount(dims.slice(1));
  const deviation = Math.sqrt(2 / fanIn);
  const weights = new Float32Array(elementCount(dims));
  for (let i = 0; i < weights.length; i++) weights[i] = deviation * random.normal();
  return weights;
}
