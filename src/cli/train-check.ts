/** Words of `skein train` that mean nothing, or nothing beside others: found before anything is opened. */
import { UsageError } from './command.ts';
import type { TrainFlags } from './train-options.ts';

/** @throws UsageError */
export async function checkWords(flags: TrainFlags): Promise<void> {
  await checkSchedule(flags);
  checkLoss(flags);
  if (flags.optimizer === 'sgd') return;
  const word = flags.momentum !== undefined ? '--momentum' : flags.nesterov ? undefined : '--no-nesterov';
  if (word !== undefined)
    throw new UsageError(`${word} is of --optimizer sgd, received --optimizer ${flags.optimizer}: leave it out`);
}

async function checkSchedule({ schedule, warmup, epochs, milestones, gamma }: TrainFlags): Promise<void> {
  if (schedule === 'one-cycle' && warmup > 0) {
    throw new UsageError('--warmup is of the other schedules: one-cycle has a rise of its own');
  }
  const { faultOfMilestones, faultOfWarmup } = await import('../train/index.ts');
  const warmupFault = faultOfWarmup(warmup, epochs, 'epochs of training');
  if (warmupFault !== undefined) throw new UsageError(`--warmup ${warmupFault}`);
  const milestonesFault = faultOfMilestones(milestones ?? []);
  if (milestonesFault !== undefined) throw new UsageError(`--milestones ${milestonesFault}`);
  if (schedule === 'step') return;
  for (const [name, value] of [
    ['--milestones', milestones],
    ['--gamma', gamma],
  ]) {
    if (value !== undefined) throw new UsageError(`${name} is of --schedule step, received --schedule ${schedule}`);
  }
}

function checkLoss({ loss, labelSmoothing, classWeights }: TrainFlags): void {
  const word = labelSmoothing ? '--label-smoothing' : classWeights === undefined ? undefined : '--class-weights';
  if (loss !== 'cross-entropy' && word !== undefined) {
    throw new UsageError(`${word} is of --loss cross-entropy, received --loss ${loss}: leave it out`);
  }
  if (classWeights === undefined || classWeights === 'balanced') return;
  if (classWeights.some((weight) => weight < 0) || classWeights.every((weight) => weight === 0)) {
    throw new UsageError(`--class-weights must be from 0, and some above it, received ${classWeights}`);
  }
}
