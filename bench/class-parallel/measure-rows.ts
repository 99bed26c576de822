/** Measures what the recipes made: accuracy, costs, the critical path with each model alone on one core, and two cores at work. */
import { join } from 'node:path';
import { inputShapesOf, Meter } from '../../src/compress/index.ts';
import { readModel } from '../../src/onnx/index.ts';
import { costOf } from '../../src/ops/index.ts';
import { combinationTimes, modelsOf, openServable, type Plan, timesOf } from '../../src/plan/index.ts';
import { evaluationOf } from '../recipes/kept-evaluation.ts';
import type { Log } from '../recipes/make-once.ts';
import type { RecipeOptions } from '../recipes/options.ts';
import { BY_HAND } from './cascade-by-hand.ts';
import { fileOf } from './make-recipe.ts';
import { type Family, HUNDRED, type RowRecipe } from './recipes.ts';
import { TrainingWork } from './training-work.ts';
import { type AtWork, onAllCores } from './two-cores.ts';

export interface Figures extends AtWork {
  readonly recipe: RowRecipe;
  /** Of each seed, fractions of 1. */
  readonly top1: readonly number[];
  /** Of the largest model. */
  readonly params: number;
  /** Of all models together. */
  readonly totalParams: number;
  /** Of the mean image, of all models that it comes to: the total work. */
  readonly macs: number;
  /** Milliseconds of one image where each model has a core, models one after another in the way of the mean image. */
  readonly criticalPathMs: number;
  /** Of that, what joins the answers of parts. */
  readonly combinationMs: number;
  /** Multiply-accumulates of training after the given network, in epochs of that network. */
  readonly epochs: number;
  /** A cascade at a threshold that nobody calibrated, since `pair` says that none pays. */
  readonly byHand: boolean;
}

/** @param rows of one family, whose recipes are made */
export async function measureRows(
  family: Family,
  rows: readonly RowRecipe[],
  options: RecipeOptions,
  log: Log,
): Promise<Figures[]> {
  const { split, folder, data, rounds } = options;
  const [images, timed] = [split, 'val'].map((name) =>
    family === 'hundred' ? ['--data', HUNDRED, '--split', name] : ['--data', join(data, `${name}.tar`)],
  ) as [string[], string[]];
  log(`measuring ${family}: accuracy …`);
  const looked = { split: family === 'hundred' ? `hundred-${split}` : split, folder, data: images };
  const subjects = [];
  for (const recipe of rows) {
    const files = recipe.made.map((name) => fileOf(name, options));
    const reports = [];
    for (const file of files) reports.push(await evaluationOf(file, looked));
    const { plan } = await openServable(files[0] as string);
    subjects.push({ recipe, plan, reports });
  }
  log(`measuring ${family}: each model alone on one core …`);
  const costs = await costsOf(
    subjects.map(({ plan }) => plan),
    rounds,
  );
  log(`measuring ${family}: all cores at work …`);
  const atWork = await onAllCores(
    subjects.map(({ plan }) => plan),
    timed,
    rounds,
  );
  const base = rows[0]?.made[0] ?? '';
  const work = new TrainingWork(options, async (file) => {
    const { plan } = await openServable(file);
    return (await costOfFile(file, plan)).macs;
  });
  try {
    const epoch = await work.epochOf(base);
    const figures: Figures[] = [];
    for (const [i, { recipe, plan, reports }] of subjects.entries()) {
      const models = [...modelsOf(plan.root)].map(({ node, path }) => ({ path, ...(costs.get(node.file) as Cost) }));
      const shares = new Map(reports[0]?.nodes.map(({ path, share }) => [path, share]));
      const shareOf = (path: string): number => shares.get(path) ?? shareBelow(path, shares);
      const combinations = await combinationTimes(plan.root);
      const combinationMsOf = (path: string): number => combinations.get(path) ?? 0;
      const ms = new Map(models.map((model) => [model.path, model.ms]));
      const times = timesOf(plan.root, { msOf: (path) => ms.get(path) ?? Number.NaN, combinationMsOf, shareOf });
      figures.push({
        recipe,
        top1: reports.map(({ top1 }) => top1),
        params: Math.max(...models.map(({ params }) => params)),
        totalParams: models.reduce((sum, { params }) => sum + params, 0),
        macs: models.reduce((sum, { macs, path }) => sum + macs * shareOf(path), 0),
        criticalPathMs: times.criticalPathMs,
        combinationMs: Math.max(0, ...combinations.values()),
        epochs: (await work.of(recipe.made[0], base)) / epoch,
        byHand: plan.name === BY_HAND,
        ...(atWork[i] as AtWork),
      });
    }
    return figures;
  } finally {
    await work.close();
  }
}

interface Cost {
  readonly params: number;
  readonly macs: number;
  readonly ms: number;
}

/** Of every model file; all of them take turns on one thread. */
async function costsOf(plans: readonly Plan[], rounds: number): Promise<ReadonlyMap<string, Cost>> {
  const plansOf = new Map(
    plans.flatMap((plan) => [...modelsOf(plan.root)].map(({ node }) => [node.file, plan] as const)),
  );
  const files = [...plansOf.keys()];
  const models = await Promise.all(files.map((file) => readModel(file)));
  const shape = (plans[0] as Plan).input.shape;
  const meter = new Meter();
  try {
    const times = await meter.latenciesMs(models, { rounds, roundMs: 100, shape });
    const costs = new Map<string, Cost>();
    for (const [i, file] of files.entries()) {
      costs.set(file, { ...(await costOfFile(file, plansOf.get(file) as Plan)), ms: times[i] as number });
    }
    return costs;
  } finally {
    await meter.close();
  }
}

async function costOfFile(file: string, { input }: Plan): Promise<{ readonly params: number; readonly macs: number }> {
  const model = await readModel(file);
  return costOf(model, { inputShapes: inputShapesOf(model, input.shape) });
}

/** Of a node that is no model: that of the models below it, the most where they differ. */
function shareBelow(path: string, shares: ReadonlyMap<string, number>): number {
  const below = [...shares].filter(([place]) => place.startsWith(`${path}.`)).map(([, share]) => share);
  return path === 'root' ? 1 : Math.max(0, ...below);
}
