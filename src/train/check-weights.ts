/** Weights that are no numbers before the first step: no rate would help. */
import { SkeinError } from '../base/index.ts';
import type { Graph } from '../graph/index.ts';

/** Infinities are left alone: masks are made of them. @throws SkeinError 'invalid-argument' naming the initializer */
export function checkWeights({ initializers }: Graph): void {
  for (const [name, tensor] of initializers) {
    if (tensor.dtype !== 'float32' || !tensor.float32s().some(Number.isNaN)) continue;
    throw new SkeinError(
      'invalid-argument',
      `Cannot train the model: its weights must be numbers, '${name}' holds NaN: take the model from before that, or train anew`,
    );
  }
}
