/** How far pruning goes, as the words of a call say it: MACs, parameters, and measured milliseconds of an image. */
import type { Command } from 'commander';
import type { Meter, PruningTarget } from '../compress/index.ts';
import type { Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import { UsageError } from './command.ts';
import { readCountTarget, readTarget, resolveTarget, type Target } from './target-words.ts';

export interface TargetFlags {
  readonly targetMacs?: Target | undefined;
  readonly targetParams?: Target | undefined;
  readonly targetLatency?: Target | undefined;
}

interface Surroundings {
  readonly meter: Meter;
  readonly preprocessing: Preprocessing;
}

/** @param otherwise what MACs are aimed at where nothing is told, for people */
export function withTargets(command: Command, otherwise: string): Command {
  return command
    .option('--target-macs <n>', `MACs of an image that stay: 0.5 or '2x' for half, 30M ${otherwise}`, readCountTarget)
    .option('--target-params <n>', "parameters that stay: 0.5 or '2x' for half, 1M", readCountTarget)
    .option('--target-latency <ms>', "milliseconds of one image on one thread, measured, or '2x' for half", readTarget);
}

/**
 * @param model what parts are parts of, and what takes turns with what is made of it where its time is
 * @throws UsageError for a target that the model meets as it is
 */
export async function pruningTargets(
  model: Model,
  around: Surroundings,
  { targetMacs, targetParams, targetLatency }: TargetFlags,
): Promise<PruningTarget[]> {
  const { inputShapesOf, macsTarget, paramsTarget } = await import('../compress/index.ts');
  const { costOf } = await import('../ops/index.ts');
  const options = { inputShapes: inputShapesOf(model, around.preprocessing.shape) };
  const now = costOf(model, options);
  const targets: PruningTarget[] = [];
  if (targetMacs !== undefined) targets.push(macsTarget(below(targetMacs, now.macs, '--target-macs'), options));
  if (targetParams !== undefined)
    targets.push(paramsTarget(below(targetParams, now.params, '--target-params'), options));
  if (targetLatency !== undefined) targets.push(await latencyTarget(model, around, targetLatency));
  return targets;
}

async function latencyTarget(
  model: Model,
  { meter, preprocessing: { shape } }: Surroundings,
  target: Target,
): Promise<PruningTarget> {
  const now = await meter.latencyMs(model, { shape });
  const most = below(target, now, '--target-latency');
  if ('value' in target) return { unit: 'ms', most, cost: (each) => meter.latencyMs(each, { shape }) };
  // A part of what the model takes is judged with both taking turns, whatever else the machine does then.
  const cost = async (each: Model): Promise<number> => {
    if (each === model) return now;
    const [before = 1, after = 1] = await meter.latenciesMs([model, each], { shape });
    return (now * after) / before;
  };
  return { unit: 'ms', most, cost };
}

function below(target: Target, now: number, option: string): number {
  const most = resolveTarget(target, now);
  if (most < now) return most;
  throw new UsageError(`${option} must be below what the model has, ${Number(now.toPrecision(4))}`);
}
