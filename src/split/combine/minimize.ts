/** The minimum of a smooth function: L-BFGS (Nocedal and Wright 2006, algorithm 7.5) with steps that are halved until they pay. */

export interface Valued {
  readonly value: number;
  readonly gradient: Float64Array;
}

export interface MinimizeOptions {
  /** Ends where no component of the gradient is larger; 1e-9 unless told. */
  readonly tolerance?: number;
  /** 500 unless told. */
  readonly steps?: number;
}

/** Pairs of steps and changes of the gradient that stand for the curvature. */
const MEMORY = 12;
/** Armijo's condition, and how often a step is halved for it. */
const SUFFICIENT = 1e-4;
const HALVINGS = 50;

interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly product: number;
}

/** @param start is left as it is */
export function minimize(
  of: (x: Float64Array) => Valued,
  start: Float64Array,
  { tolerance = 1e-9, steps = 500 }: MinimizeOptions = {},
): Float64Array {
  let x = start;
  let now = of(x);
  const pairs: Pair[] = [];
  for (let k = 0; k < steps && now.gradient.some((each) => Math.abs(each) > tolerance); k++) {
    const direction = descentOf(now.gradient, pairs);
    const slope = dot(direction, now.gradient);
    // The first direction is the gradient itself, whose length says nothing.
    let length = pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(-slope)) : 1;
    let next = along(x, direction, length);
    let there = of(next);
    for (let i = 0; i < HALVINGS && !(there.value <= now.value + SUFFICIENT * length * slope); i++) {
      length /= 2;
      next = along(x, direction, length);
      there = of(next);
    }
    if (!(there.value < now.value)) break;
    const step = next.map((each, i) => each - (x[i] as number));
    const change = there.gradient.map((each, i) => each - (now.gradient[i] as number));
    const product = dot(step, change);
    if (product > 0) pairs.push({ step, change, product });
    if (pairs.length > MEMORY) pairs.shift();
    [x, now] = [next, there];
  }
  return x;
}

/** −H·gradient, with H the inverse of the Hessian that the pairs tell of. */
function descentOf(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const q = gradient.map((each) => -each);
  const factors = pairs.map(() => 0);
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { step, change, product } = pairs[i] as Pair;
    const factor = dot(step, q) / product;
    factors[i] = factor;
    for (let j = 0; j < q.length; j++) q[j] = (q[j] as number) - factor * (change[j] as number);
  }
  const last = pairs.at(-1);
  if (last !== undefined) {
    const scale = last.product / dot(last.change, last.change);
    for (let j = 0; j < q.length; j++) q[j] = (q[j] as number) * scale;
  }
  for (const [i, { step, change, product }] of pairs.entries()) {
    const factor = (factors[i] as number) - dot(change, q) / product;
    for (let j = 0; j < q.length; j++) q[j] = (q[j] as number) + factor * (step[j] as number);
  }
  return q;
}

function along(x: Float64Array, direction: Float64Array, length: number): Float64Array {
  return x.map((each, i) => each + length * (direction[i] as number));
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
