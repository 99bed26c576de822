/**
 * What the models of a plan cost and how long each takes by itself, one at a time on one session: nothing of one is lost
 * to another that wants the same core, so that the slowest part is what a machine with a core for each would wait for.
 */
import { Random } from '../base/index.ts';
import type { Engine } from '../runtime/index.ts';
import { elementCount } from '../tensor/index.ts';
import { combinationTimes } from './combination-time.ts';
import { type PlanTimes, timesOf } from './critical-path.ts';
import { type ModelCost, modelCosts } from './model-costs.ts';
import { openPlan } from './open-plan.ts';
import type { Plan } from './plan.ts';
import { RunTimes } from './run-times.ts';

export interface ProfiledModel extends ModelCost {
  /** Median milliseconds of a run. */
  readonly ms: number;
}

/** Of an image that goes through every model of the plan. */
export interface PlanProfile extends PlanTimes {
  readonly batch: number;
  readonly models: readonly ProfiledModel[];
  readonly total: { readonly params: number; readonly macs: number; readonly ms: number };
}

/** @throws SkeinError as openPlan and modelCosts do */
export async function profilePlan(
  engine: Engine,
  plan: Plan,
  { batch, runs }: { readonly batch: number; readonly runs: number },
): Promise<PlanProfile> {
  const random = new Random(1);
  const images = Float32Array.from({ length: batch * elementCount(plan.input.shape) }, () => random.normal());
  const times = new RunTimes();
  const open = await openPlan(engine, plan);
  try {
    // They take turns, so that what else the machine does meets all of them; the first run is not counted.
    for (let run = 0; run <= runs; run++) {
      for (const [path, model] of open.models) {
        const { computeMs } = await model.run(batch, (target) => target.set(images));
        if (run > 0) times.add(path, batch, computeMs);
      }
    }
  } finally {
    await open.close();
  }
  const combinations = await combinationTimes(plan.root, batch);
  const models = (await modelCosts(plan)).map((cost) => ({ ...cost, ms: times.medianMs(cost.path) }));
  const sum = (term: (model: ProfiledModel) => number) => models.reduce((total, model) => total + term(model), 0);
  return {
    batch,
    models,
    total: { params: sum(({ params }) => params), macs: sum(({ macs }) => macs), ms: sum(({ ms }) => ms) },
    ...timesOf(plan.root, {
      msOf: (path) => times.medianMs(path),
      combinationMsOf: (path) => combinations.get(path) ?? 0,
      shareOf: () => 1,
    }),
  };
}
