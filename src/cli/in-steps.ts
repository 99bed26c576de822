/**
 * The frame of a long call on labelled images: nobody else writes the same output meanwhile, what is finished is kept in steps
 * beside it for a call that goes on, Ctrl-C ends it in good order, and what was opened is closed.
 */
import { lockOutput, messageOf } from '../base/index.ts';
import type { Meter, Stages } from '../compress/index.ts';
import type { Dataset } from '../data/index.ts';
import { CommandFailure, type DataOptions, definedOnly, type Output, skippedLine } from './command.ts';
import { interruption, wasStopped } from './interruption.ts';
import { openValidation } from './train-source.ts';
import { checkUnfinished, goOnWords, wordsOf } from './unfinished.ts';

/** What a long call works with. */
export interface Workplace {
  readonly training: Dataset;
  /** What is held out; undefined where nothing is. */
  readonly validation: Dataset | undefined;
  /** That, or the training images where there are no others. */
  readonly heldOut: Dataset;
  /** Measures with one thread. */
  readonly meter: Meter;
  /** Finds again what an interrupted call had done. */
  readonly stages: Stages;
  /** That of the stages. */
  readonly folder: string;
  /** Aborted by Ctrl-C; what is aborted throws SkeinError 'cancelled'. */
  readonly signal: AbortSignal;
}

export interface StepFlags extends DataOptions {
  readonly val?: string;
  readonly resume?: true;
}

export interface LongCall<Flags extends StepFlags> {
  readonly command: string;
  /** Of the model. */
  readonly path: string;
  /** What is written, as its name stands before `.steps` and `.lock`. */
  readonly place: string;
  /** The words of the call: it is gone on with by the same ones only. */
  readonly flags: Flags;
}

/**
 * @param work is not told of 'cancelled': a call that Ctrl-C has stopped ends by saying how to go on
 * @throws UsageError, CommandFailure and SkeinError, as what it opens does
 */
export async function inSteps<Flags extends StepFlags>(
  { command, path, place, flags }: LongCall<Flags>,
  output: Output,
  work: (at: Workplace) => Promise<void>,
): Promise<void> {
  // Before what is unfinished is looked for: it may be another run's, under way.
  const lock = await lockOutput(place);
  try {
    const folder = `${place}.steps`;
    const words = wordsOf(command, path, flags);
    await checkUnfinished(folder, words, flags.resume === true);
    await atWork(folder, words, flags, output, work);
  } finally {
    lock.release();
  }
}

async function atWork(
  folder: string,
  words: Record<string, unknown>,
  flags: StepFlags,
  output: Output,
  work: (at: Workplace) => Promise<void>,
): Promise<void> {
  const { openData } = await import('../data/index.ts');
  const { Meter, Stages } = await import('../compress/index.ts');
  const { split, limit, seed, data } = flags;
  const training = await openData(data, { ...definedOnly({ split, limit }), seed, preferredSplits: ['train'] });
  const validation = await openValidation(flags, training);
  const heldOut = validation ?? training;
  const meter = new Meter();
  const stages = new Stages(folder, words);
  const stop = interruption();
  try {
    await work({ training, validation, heldOut, meter, stages, folder, signal: stop.signal });
    for (const each of new Set([training, heldOut])) if (each.skipped > 0) output.warn(skippedLine(each));
  } catch (error) {
    if (!wasStopped(error, stop.signal)) throw error;
    throw new CommandFailure(goOnWords(messageOf(error), folder));
  } finally {
    stop.end();
    await meter.close();
    await training.close();
    await validation?.close();
  }
}
