/**
 * The mask of dropout from a hash of step and element, in plain operators. ONNX Runtime's own generator goes on from run to
 * run where nobody can read it, so that training that was stopped could not go on to the same numbers.
 *
 * x₀ = (i + 48271²·step + 69621·seed) mod p, xₖ₊₁ = (xₖ² + c) mod p twice, with p = 2³¹ − 1: a product of two stays below
 * 2⁶², and the values of a polynomial modulo a prime are spread evenly (Weil).
 */
import type { Terms } from './terms.ts';

const PRIME = 2 ** 31 - 1;
const STEP_FACTOR = 48271 ** 2 % PRIME;
const SEED_FACTOR = 69621;
const ROUNDS = [12345, 67891] as const;

/**
 * @param x what is dropped from
 * @param ratio a scalar value: the share that is dropped
 * @param step an int64 scalar value, from 0
 * @returns bool, in the shape of `x`: what stays
 */
export function dropoutMask(t: Terms, x: string, ratio: string, step: string, seed: number): string {
  const int = (value: number): string => t.scalar(value, step);
  const wrapped = (value: string): string => t.op('Mod', [value, int(PRIME)]);
  const start = wrapped(t.op('Add', [t.op('Mul', [step, int(STEP_FACTOR)]), int((seed * SEED_FACTOR) % PRIME)]));
  let hash = wrapped(t.op('Add', [t.op('Range', [int(0), t.op('Size', [x]), int(1)]), start]));
  for (const constant of ROUNDS) hash = wrapped(t.op('Add', [t.op('Mul', [hash, hash]), int(constant)]));
  const uniform = t.op('Div', [t.cast(hash, 'float32'), t.scalar(PRIME, ratio)]);
  return t.op('Reshape', [t.op('GreaterOrEqual', [uniform, ratio]), t.op('Shape', [x])]);
}
