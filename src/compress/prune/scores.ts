/** Makes importances comparable, and one of two. */
import type { ChannelGroups } from '../../transforms/index.ts';

/** Divided by the mean of each group, so that layers with large weights are not spared for that. NaN stays NaN. */
export function normalizedByGroup(importance: Float64Array, { groups }: ChannelGroups): Float64Array {
  const result = new Float64Array(importance.length).fill(Number.NaN);
  for (const { units } of groups) {
    const known = units.filter((unit) => !Number.isNaN(importance[unit]));
    const mean = known.reduce((sum, unit) => sum + (importance[unit] ?? 0), 0) / known.length;
    for (const unit of known) result[unit] = mean > 0 ? (importance[unit] ?? 0) / mean : 0;
  }
  return result;
}

/** The place of each unit among all, as a fraction of 1: 0 for the least important. Equal ones share their mean place. */
export function ranks(importance: Float64Array): Float64Array {
  const known = [...importance.keys()].filter((unit) => !Number.isNaN(importance[unit]));
  known.sort((a, b) => (importance[a] ?? 0) - (importance[b] ?? 0));
  const result = new Float64Array(importance.length).fill(Number.NaN);
  for (let first = 0; first < known.length; ) {
    let end = first + 1;
    while (end < known.length && importance[known[end] ?? 0] === importance[known[first] ?? 0]) end++;
    const place = (first + end - 1) / 2 / Math.max(1, known.length - 1);
    for (const unit of known.slice(first, end)) result[unit] = place;
    first = end;
  }
  return result;
}

/** The mean of the ranks by several criteria; NaN where one of them says nothing. */
export function rankedBy(criteria: readonly Float64Array[]): Float64Array {
  const places = criteria.map(ranks);
  return Float64Array.from(places[0] ?? [], (_, unit) => {
    const sum = places.reduce((total, each) => total + (each[unit] ?? Number.NaN), 0);
    return sum / places.length;
  });
}

/** The units for which `matches` holds, for criteria with thresholds: `unitsWhere(groups, (u) => apoz[u] > 0.73 && mean[u] < 0.01)`. */
export function unitsWhere({ unitCount }: ChannelGroups, matches: (unit: number) => boolean): number[] {
  return Array.from({ length: unitCount }, (_, unit) => unit).filter(matches);
}

/**
 * Importances against what units cost: divided by (cost / mean cost) ^ weight, so that with weight 0 nothing changes, and with
 * 1 it is what is lost for what is saved. Of several kinds of costs the mean of their shares counts. What costs nothing is
 * worth nothing to remove: NaN.
 */
export function perCost(importance: Float64Array, costs: readonly Float64Array[], weight: number): Float64Array {
  if (weight === 0 || costs.length === 0) return importance;
  const means = costs.map((each) => each.reduce((sum, cost) => sum + cost, 0) / each.length);
  return importance.map((value, unit) => {
    const share = costs.reduce((sum, each, kind) => sum + (each[unit] ?? 0) / (means[kind] || 1), 0) / costs.length;
    return share === 0 ? Number.NaN : value / share ** weight;
  });
}
