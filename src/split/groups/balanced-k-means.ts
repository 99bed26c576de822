/**
 * k-means whose clusters have equal sizes, give or take one (Malinen and Fränti 2014, Balanced K-Means for Clustering): the
 * step that assigns points to centres is an assignment problem, each centre with as many places as points in a cluster.
 */
import { Random, SkeinError, seedOf } from '../../base/index.ts';
import { assign } from './assignment.ts';

export interface BalancedKMeansOptions {
  readonly seed?: number;
  /** Beginnings of which the best end is kept; 32 unless told. */
  readonly starts?: number;
}

const MOST_STEPS = 100;

/**
 * @param points vectors of equal lengths
 * @returns indices of points, ascending, by cluster; clusters in the order of their first points
 * @throws SkeinError 'invalid-argument' where there are not at least as many points as clusters
 */
export function balancedKMeans(
  points: readonly Float64Array[],
  clusters: number,
  { seed = 0, starts = 32 }: BalancedKMeansOptions = {},
): number[][] {
  if (!Number.isInteger(clusters) || clusters < 1 || clusters > points.length) {
    throw new SkeinError(
      'invalid-argument',
      `Clusters of ${points.length} points: expected from 1 to ${points.length} of them, received ${clusters}`,
    );
  }
  let best: { readonly clusterOf: readonly number[]; readonly cost: number } | undefined;
  for (let start = 0; start < starts; start++) {
    const found = descend(points, spreadCentres(points, clusters, new Random(seedOf(seed, start))));
    // Sums in another order differ in their last digits: the earlier one stays.
    if (best === undefined || found.cost < best.cost * (1 - 1e-12)) best = found;
  }
  const members = new Map<number, number[]>();
  for (const [point, cluster] of best?.clusterOf.entries() ?? []) {
    members.set(cluster, [...(members.get(cluster) ?? []), point]);
  }
  return [...members.values()];
}

/** Σ over clusters of the squared distances of their points to their mean. */
export function scatterOf(points: readonly Float64Array[], clusters: readonly (readonly number[])[]): number {
  let sum = 0;
  for (const members of clusters) {
    const own = members.map((i) => points[i] as Float64Array);
    const centre = meanOf(own);
    for (const point of own) sum += squaredDistance(point, centre);
  }
  return sum;
}

/** Assigns and averages in turn until nothing changes; each step makes the scatter smaller. */
function descend(points: readonly Float64Array[], first: readonly Float64Array[]) {
  let centres = first;
  let clusterOf: number[] = [];
  for (let step = 0; step < MOST_STEPS; step++) {
    const next = nearestBalanced(points, centres);
    const same = next.every((cluster, i) => cluster === clusterOf[i]);
    clusterOf = next;
    if (same) break;
    centres = centres.map((_, c) => meanOf(points.filter((_, i) => clusterOf[i] === c)));
  }
  const cost = points.reduce((sum, p, i) => sum + squaredDistance(p, centres[clusterOf[i] ?? 0] as Float64Array), 0);
  return { clusterOf, cost };
}

/** The centre of each point: all centres have as many, and those that are over go to different ones. */
function nearestBalanced(points: readonly Float64Array[], centres: readonly Float64Array[]): number[] {
  const certain = Math.floor(points.length / centres.length);
  const over = points.length % centres.length;
  const places = certain + (over > 0 ? 1 : 0);
  const costs = points.map((point) => {
    const row = new Float64Array(centres.length * places);
    for (const [c, centre] of centres.entries()) row.fill(squaredDistance(point, centre), c * places, (c + 1) * places);
    return row;
  });
  // As many last places stay empty as there are centres without one that is over.
  const empty = new Float64Array(centres.length * places).fill(Number.POSITIVE_INFINITY);
  for (let c = 0; c < centres.length; c++) empty[(c + 1) * places - 1] = 0;
  for (let i = 0; over > 0 && i < centres.length - over; i++) costs.push(empty);
  return assign(costs)
    .slice(0, points.length)
    .map((place) => Math.floor(place / places));
}

/** Points as first centres, each likelier the further it is from those before (Arthur and Vassilvitskii 2007). */
function spreadCentres(points: readonly Float64Array[], count: number, random: Random): Float64Array[] {
  const centres = [points[random.integer(points.length)] as Float64Array];
  while (centres.length < count) {
    const far = points.map((point) => Math.min(...centres.map((centre) => squaredDistance(point, centre))));
    let left = random.uniform() * far.reduce((sum, each) => sum + each, 0);
    const chosen = far.findIndex((each) => {
      left -= each;
      return left < 0;
    });
    centres.push(points[chosen < 0 ? random.integer(points.length) : chosen] as Float64Array);
  }
  return centres;
}

function meanOf(points: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(points[0]?.length ?? 0);
  for (const point of points) for (const [i, value] of point.entries()) mean[i] = (mean[i] as number) + value;
  return mean.map((sum) => sum / points.length);
}

function squaredDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return sum;
}
