/**
 * How long an image is on its way through a plan of measured models: along the slowest part wherever parts run at once, and
 * through what joins their answers. That is what remains of a request when every part has a core of its own, and what a
 * faster part cannot change.
 */
import { listScheduleMs } from './list-schedule.ts';
import { type CompositeKind, childrenOf, type PlanNode } from './plan.ts';

export interface ParallelTimes {
  /** The place of the `parallel` node. */
  readonly path: string;
  /** The place of the part that takes longest. */
  readonly slowest: string;
  /** Milliseconds for one image of joining the parts' answers, on the thread that asked for them. */
  readonly combinationMs: number;
  /** Milliseconds of the slowest part for one image, and of the combination. */
  readonly criticalPathMs: number;
  /** Milliseconds for one image on fewer workers than parts, each taking the longest part that is left; with the combination. */
  readonly onWorkers: readonly { readonly workers: number; readonly ms: number }[];
}

export interface PlanTimes {
  /** Milliseconds of one image, where each part has a core of its own. */
  readonly criticalPathMs: number;
  /** The `parallel` nodes, in the order of the plan. */
  readonly parallel: readonly ParallelTimes[];
}

/** What is known of the nodes of a plan, by their places. */
export interface NodeTimes {
  /** Milliseconds of one image in a model. */
  readonly msOf: (path: string) => number;
  /** Milliseconds in which a `parallel` node joins the answers of one image: see `combinationTimes`. */
  readonly combinationMsOf: (path: string) => number;
  /** Of the images that reach a node, as a fraction of all: the mean image's way counts a cascade's big model by its share. */
  readonly shareOf: (path: string) => number;
}

export function timesOf(root: PlanNode, { msOf, combinationMsOf, shareOf }: NodeTimes): PlanTimes {
  const parallel: ParallelTimes[] = [];
  const along = (node: PlanNode, path: string): number => {
    if (node.kind === 'model') return msOf(path);
    const children = childrenOf<CompositeKind, PlanNode>(node.kind, node, path);
    const own = parallel.length;
    const times = children.map((each) => ({ path: each.path, ms: along(each.child, each.path) }));
    if (node.kind === 'parallel') {
      const slowest = times.reduce((most, each) => (each.ms > most.ms ? each : most));
      const combinationMs = combinationMsOf(path);
      const criticalPathMs = slowest.ms + combinationMs;
      const onWorkers = workersBelow(times.length).map((workers) => ({
        workers,
        ms:
          combinationMs +
          listScheduleMs(
            times.map(({ ms }) => ms),
            workers,
          ),
      }));
      parallel.splice(own, 0, { path, slowest: slowest.path, combinationMs, criticalPathMs, onWorkers });
      return criticalPathMs;
    }
    return times.reduce((sum, each) => {
      const share = shareOf(each.path) / shareOf(path);
      // A model that no image reached has no time.
      return share > 0 ? sum + share * each.ms : sum;
    }, 0);
  };
  return { criticalPathMs: along(root, 'root'), parallel };
}

/** 1, 2, 4, … below so many. */
function workersBelow(parts: number): number[] {
  const counts: number[] = [];
  for (let workers = 1; workers < parts; workers *= 2) counts.push(workers);
  return counts;
}
