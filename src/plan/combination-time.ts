/**
 * How long the answers of parts take to become one: what a `parallel` node itself does for an image, beside its parts. Its
 * parts answer at once here, so that nothing else is in that time.
 */
import { median } from '../base/index.ts';
import { ParallelPredictor } from './parallel-predictor.ts';
import { type CompositeKind, childrenOf, type ParallelFields, type PlanNode } from './plan.ts';
import type { ImageBatch, Predictor, Scores } from './predictor.ts';

/** Runs of one node, in rounds that take turns with those of the others. */
const ROUNDS = 7;
const RUNS = 200;

/** Milliseconds for so many images at once, by the place of each `parallel` node of the plan. */
export async function combinationTimes(root: PlanNode, rows = 1): Promise<ReadonlyMap<string, number>> {
  const nodes = [...parallelNodes(root, 'root')].map(([path, fields]) => ({
    path,
    predictor: answeredAtOnce(path, fields),
    ms: [] as number[],
  }));
  const batch: ImageBatch = { count: rows, data: new Float32Array() };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { predictor, ms } of nodes) {
      const start = performance.now();
      for (let run = 0; run < RUNS; run++) await predictor.predict(batch);
      // The first is before anything is compiled.
      if (round > 0) ms.push((performance.now() - start) / RUNS);
    }
  }
  return new Map(nodes.map(({ path, ms }) => [path, median(ms)]));
}

function* parallelNodes(node: PlanNode, path: string): Generator<[string, ParallelFields<PlanNode>]> {
  if (node.kind === 'parallel') yield [path, node];
  if (node.kind === 'model') return;
  for (const { child, path: place } of childrenOf<CompositeKind, PlanNode>(node.kind, node, path)) {
    yield* parallelNodes(child, place);
  }
}

function answeredAtOnce(path: string, { parts, ...others }: ParallelFields<unknown>): ParallelPredictor {
  const made = parts.map(({ classes, ...calibration }, i) => ({
    ...calibration,
    classes,
    node: partThatAnswers(`${path}.parallel.${i}`, classes.length + 1),
  }));
  const classes = parts.reduce((sum, part) => sum + part.classes.length, 0);
  return new ParallelPredictor(path, { ...others, parts: made }, classes);
}

function partThatAnswers(path: string, classes: number): Predictor {
  let last: Scores = { count: 0, data: new Float32Array(), answeredBy: [] };
  return {
    ...{ kind: 'model', path, classes, scale: 'logits', children: [], rows: 0 },
    expectedMs: () => 0,
    predict: async ({ count }) => {
      if (last.count !== count) {
        last = { count, data: new Float32Array(count * classes), answeredBy: new Array<string>(count).fill(path) };
      }
      return last;
    },
  };
}
