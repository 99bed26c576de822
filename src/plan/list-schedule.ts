/**
 * How long parts take together on so many workers when each free worker takes the longest that is left: at most
 * 4/3 − 1/(3·workers) of the least (Graham 1969, "Bounds on multiprocessing timing anomalies").
 */
export function listScheduleMs(partsMs: readonly number[], workers: number): number {
  const busyMs = new Array<number>(workers).fill(0);
  for (const ms of [...partsMs].sort((a, b) => b - a)) {
    const free = busyMs.indexOf(Math.min(...busyMs));
    busyMs[free] = (busyMs[free] as number) + ms;
  }
  return Math.max(...busyMs);
}
