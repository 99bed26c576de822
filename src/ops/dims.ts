/** Arithmetic on dimensions that may be numbers, symbols or unknown. */
import type { Dim } from '../graph/index.ts';

export type Dims = readonly Dim[];

export function isKnown(dims: Dims): dims is readonly number[] {
  return dims.every((dim) => typeof dim === 'number');
}

/** The product: a number, a symbol if everything else is 1, 0 if any factor is 0; unknown otherwise. */
export function productOf(dims: Dims): Dim {
  if (dims.includes(0)) return 0;
  const others: Dims = dims.filter((dim) => dim !== 1);
  if (others.length === 0) return 1;
  if (others.length === 1) return others[0];
  return isKnown(others) ? others.reduce((product, dim) => product * dim, 1) : undefined;
}

export function sumOf(dims: Dims): Dim {
  const others: Dims = dims.filter((dim) => dim !== 0);
  if (others.length === 1) return others[0];
  return isKnown(others) ? others.reduce((sum, dim) => sum + dim, 0) : undefined;
}

/** `total` / `part` where both are products: equal symbols cancel. Unknown where it is no single dimension. */
export function quotientOf(total: Dims, part: Dims): Dim {
  if ([...total, ...part].includes(undefined)) return undefined;
  const symbols = total.filter((dim) => typeof dim === 'string');
  for (const symbol of part.filter((dim) => typeof dim === 'string')) {
    const at = symbols.indexOf(symbol);
    if (at < 0) return undefined;
    symbols.splice(at, 1);
  }
  const number = (dims: Dims): number =>
    dims.reduce<number>((product, dim) => (typeof dim === 'number' ? product * dim : product), 1);
  if (number(part) === 0) return undefined;
  const factor = number(total) / number(part);
  if (symbols.length === 0) return Number.isInteger(factor) ? factor : undefined;
  return symbols.length === 1 && factor === 1 ? symbols[0] : undefined;
}

/** What two dimensions that must be equal are; null if they contradict. A number says more than a symbol. */
export function unified(a: Dim, b: Dim): Dim | null {
  if (typeof a === 'number' && typeof b === 'number') return a === b ? a : null;
  if (typeof a === 'number') return a;
  return typeof b === 'number' ? b : (a ?? b);
}

/** Multidirectional broadcasting as in NumPy; null if the shapes contradict, undefined if a rank is not known. */
export function broadcast(shapes: readonly (Dims | undefined)[]): Dim[] | undefined | null {
  const known: Dims[] = [];
  for (const dims of shapes) {
    if (dims === undefined) return undefined;
    known.push(dims);
  }
  const rank = Math.max(0, ...known.map((dims) => dims.length));
  const result: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    let dim: Dim = 1;
    for (const dims of known) {
      const at = axis - rank + dims.length;
      if (at < 0) continue;
      const next = broadcastDim(dim, dims[at]);
      if (next === null) return null;
      dim = next;
    }
    result.push(dim);
  }
  return result;
}

function broadcastDim(a: Dim, b: Dim): Dim | null {
  if (a === 1) return b;
  if (b === 1 || a === b) return a;
  if (typeof a === 'number' && typeof b === 'number') return null;
  // A number above 1 wins: the other is that number or 1.
  if (typeof a === 'number') return a;
  return typeof b === 'number' ? b : undefined;
}
