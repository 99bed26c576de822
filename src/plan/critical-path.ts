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
  /**
   * Milliseconds for one image on fewer workers than parts, those of parts counted, each taking the longest that is left; with
   * what joins their answers.
   */
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
  const along = (node: PlanNode, path: string): Way => {
    if (node.kind === 'model') return { ms: msOf(path), pieces: [msOf(path)], joinsMs: 0 };
    const children = childrenOf<CompositeKind, PlanNode>(node.kind, node, path);
    const own = parallel.length;
    const ways = children.map((each) => ({ path: each.path, ...along(each.child, each.path) }));
    if (node.kind === 'parallel') {
      const slowest = ways.reduce((most, each) => (each.ms > most.ms ? each : most));
      const pieces = ways.flatMap((each) => each.pieces);
      const combinationMs = combinationMsOf(path);
      const joinsMs = ways.reduce((sum, each) => sum + each.joinsMs, combinationMs);
      const criticalPathMs = slowest.ms + combinationMs;
      const onWorkers = workersBelow(pieces.length).map((workers) => ({
        workers,
        ms: joinsMs + listScheduleMs(pieces, workers),
      }));
      parallel.splice(own, 0, { path, slowest: slowest.path, combinationMs, criticalPathMs, onWorkers });
      return { ms: criticalPathMs, pieces, joinsMs };
    }
    let [ms, work, joinsMs] = [0, 0, 0];
    for (const each of ways) {
      const share = shareOf(each.path) / shareOf(path);
      // A model that no image reached has no time.
      if (!(share > 0)) continue;
      ms += share * each.ms;
      work += share * each.pieces.reduce((sum, piece) => sum + piece, 0);
      joinsMs += share * each.joinsMs;
    }
    return { ms, pieces: [work], joinsMs };
  };
  return { criticalPathMs: along(root, 'root').ms, parallel };
}

interface Way {
  /** Milliseconds along the slowest parts. */
  readonly ms: number;
  /** Milliseconds of what workers can take one by one; a cascade, whose models wait for each other, is one. */
  readonly pieces: readonly number[];
  /** Milliseconds in which parts of parts join their answers. */
  readonly joinsMs: number;
}

/** 1, 2, 4, … below so many. */
function workersBelow(parts: number): number[] {
  const counts: number[] = [];
  for (let workers = 1; workers < parts; workers *= 2) counts.push(workers);
  return counts;
}
