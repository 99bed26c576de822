/**
 * Picks an option for each layer so that the costs keep within a budget and the losses add up to as little as can be: a
 * knapsack of which each layer fills one place, solved layer by layer for every part of the budget.
 */

export interface CostedOption {
  readonly loss: number;
  /** In the unit of the budget. */
  readonly cost: number;
}

/** Parts of the budget; costs are rounded up to them, so that the budget holds. */
const PARTS = 10_000;

/**
 * @param layers the options of each, at least one
 * @returns the index of each layer's option, or undefined where even the cheapest are beyond the budget
 */
export function chooseWithin(layers: readonly (readonly CostedOption[])[], budget: number): number[] | undefined {
  const least = layers.map((options) => indexOfLeast(options, ({ loss }) => loss));
  if (costOf(layers, least) <= budget) return least;
  const cheapest = layers.map((options) => indexOfLeast(options, ({ cost }) => cost));
  const free = budget - costOf(layers, cheapest);
  if (free < 0) return undefined;
  // What a layer costs beyond its cheapest option, in parts of what the cheapest leave free.
  const parts = layers.map((options, i) =>
    options.map(({ cost }) => {
      const beyond = cost - (options[cheapest[i] as number]?.cost ?? 0);
      return beyond === 0 ? 0 : Math.ceil((beyond / free) * PARTS);
    }),
  );
  return solve(layers, parts);
}

function solve(layers: readonly (readonly CostedOption[])[], parts: readonly (readonly number[])[]): number[] {
  /** The least loss of the layers so far, by what they may cost. */
  let losses = new Float64Array(PARTS + 1);
  const choices = layers.map((options, i) => {
    const next = new Float64Array(PARTS + 1).fill(Number.POSITIVE_INFINITY);
    const choice = new Uint16Array(PARTS + 1);
    for (const [option, { loss }] of options.entries()) {
      const cost = parts[i]?.[option] ?? 0;
      for (let at = cost; at <= PARTS; at++) {
        const total = loss + (losses[at - cost] as number);
        if (total >= (next[at] as number)) continue;
        next[at] = total;
        choice[at] = option;
      }
    }
    losses = next;
    return choice;
  });
  const chosen: number[] = [];
  let left = PARTS;
  for (const [i, choice] of [...choices.entries()].reverse()) {
    const option = choice[left] as number;
    chosen.unshift(option);
    left -= parts[i]?.[option] ?? 0;
  }
  return chosen;
}

function costOf(layers: readonly (readonly CostedOption[])[], chosen: readonly number[]): number {
  return chosen.reduce((sum, option, i) => sum + (layers[i]?.[option]?.cost ?? 0), 0);
}

function indexOfLeast(options: readonly CostedOption[], by: (option: CostedOption) => number): number {
  const values = options.map(by);
  return values.indexOf(Math.min(...values));
}
