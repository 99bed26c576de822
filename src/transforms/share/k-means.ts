/**
 * One-dimensional k-means (Lloyd) from linear initialisation, which Han et al. 2016 (section 3.2) found best: evenly spaced
 * centroids keep the few large weights apart. On sorted values a cluster is a range, so with sums from the front each
 * iteration costs k searches, whatever the number of values.
 */

/** What Lloyd's iterations end at, should they not settle before: by then nothing moves that matters. */
const MOST_ITERATIONS = 1000;

/**
 * At most k centroids, rising, and for each value that of the nearest one: minimises Σ (value − centroid)² locally.
 * Clusters that become empty are left out. @param values finite
 */
export function kMeans(values: Float32Array, k: number): { centroids: Float32Array; nearest: Uint16Array } {
  const sorted = values.slice().sort();
  const centroids = Float32Array.from(lloyd(sorted, linear(sorted, k)));
  const borders = Float64Array.from(bordersOf(centroids));
  const nearest = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) nearest[i] = countBelow(borders, values[i] as number);
  return { centroids, nearest };
}

/** Evenly spaced from the smallest to the largest. */
function linear(sorted: Float32Array, k: number): number[] {
  const [low, high] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  if (sorted.length === 0) return [];
  if (low === high || k === 1) return [(low + high) / 2];
  return Array.from({ length: k }, (_, i) => low + ((high - low) * i) / (k - 1));
}

function lloyd(sorted: Float32Array, initial: readonly number[]): number[] {
  const sums = new Float64Array(sorted.length + 1);
  for (let i = 0; i < sorted.length; i++) sums[i + 1] = (sums[i] as number) + (sorted[i] as number);
  let centroids = [...initial];
  let before: readonly number[] = [];
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    // Cluster j has the values from ends[j] to ends[j + 1].
    const ends = [0, ...bordersOf(centroids).map((border) => countBelow(sorted, border)), sorted.length];
    const clusters = centroids.map((_, j) => [ends[j] as number, ends[j + 1] as number] as const);
    const filled = clusters.filter(([from, to]) => to > from);
    centroids = filled.map(([from, to]) => ((sums[to] as number) - (sums[from] as number)) / (to - from));
    if (ends.length === before.length && ends.every((end, j) => end === before[j])) break;
    before = ends;
  }
  return centroids;
}

/** Half-way between neighbours. */
function bordersOf(centroids: ArrayLike<number>): number[] {
  return Array.from(
    { length: Math.max(0, centroids.length - 1) },
    (_, j) => ((centroids[j] as number) + (centroids[j + 1] as number)) / 2,
  );
}

/** How many of the rising numbers are below `value`. */
function countBelow(rising: ArrayLike<number>, value: number): number {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rising[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
