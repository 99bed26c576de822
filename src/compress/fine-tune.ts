/**
 * Training as a step of something longer: a model goes in, the model of its best epoch comes out, and what was interrupted
 * goes on from a checkpoint.
 */
import { rm, stat } from 'node:fs/promises';
import { SkeinError } from '../base/index.ts';
import type { Model } from '../graph/index.ts';
import { readModel, writeModel } from '../onnx/index.ts';
import {
  type Checkpoint,
  type EpochReport,
  type RunHooks,
  readCheckpoint,
  type StepReport,
  Trainer,
  type TrainerOptions,
  writeCheckpoint,
} from '../train/index.ts';
import { type Lesson, type LessonHooks, taught } from './distill/lesson.ts';

/** What a power cut may cost. */
const CHECKPOINT_EVERY_MS = 3 * 60_000;

export interface FineTuneOptions extends Omit<TrainerOptions, 'model'> {
  /** What a teacher has to say. A hint has no best epoch: the scores are nobody's yet. */
  readonly lesson?: Lesson;
  /** Whose weights come out: the epoch that did best on the validation images, or the last. 'best' where there are such. */
  readonly keep?: 'best' | 'last';
}

export interface FineTuneHooks extends LessonHooks {
  /** A file to leave the state in every few minutes, after each epoch and on the signal, and to go on from where it is there. */
  readonly checkpoint?: string;
  readonly onStart?: (from: { readonly step: number; readonly steps: number }) => void;
  readonly onStep?: (report: StepReport) => void;
  readonly onEpoch?: (report: EpochReport) => void;
}

/**
 * Trains the model for `options.epochs`; for none it comes back as it is.
 * @throws DivergenceError where the loss or the weights are no numbers any more; SkeinError 'cancelled' once the signal has come and the checkpoint is written; 'invalid-argument' for a checkpoint
 * of another training; as Trainer does
 */
export async function fineTune(model: Model, options: FineTuneOptions, hooks: FineTuneHooks = {}): Promise<Model> {
  if (options.epochs === 0) return model;
  const { lesson, ...others } = options;
  const { validation, ...told } = others;
  const plain: FineTuneOptions = lesson?.kind === 'hint' ? told : others;
  const { keep = plain.validation === undefined ? 'last' : 'best', ...words } = plain;
  const fromTeacher = lesson === undefined ? {} : await taught(lesson, model, words, hooks);
  const trainer = new Trainer({ ...words, ...fromTeacher, model });
  const { checkpoint: path } = hooks;
  const bestPath = path === undefined ? undefined : bestOf(path);
  let best: Model | undefined;
  try {
    const found = await checkpointOf(path);
    await trainer.open(found);
    if (found?.progress.best !== undefined && bestPath !== undefined) best = await readModel(bestPath);
    hooks.onStart?.({ step: trainer.progress.step, steps: trainer.steps });
    const { signal, onStep } = hooks;
    const run: RunHooks = {
      ...(signal === undefined ? {} : { signal }),
      ...(onStep === undefined ? {} : { onStep }),
      ...(path === undefined ? {} : { onCheckpoint: (state) => writeCheckpoint(path, state) }),
      checkpointEveryMs: CHECKPOINT_EVERY_MS,
      onEpoch: async (report) => {
        const state = await trainer.checkpoint();
        if (keep === 'best' && report.best) {
          best = trainer.modelOf(state);
          if (bestPath !== undefined) await writeModel(best, bestPath);
        }
        if (path !== undefined) await writeCheckpoint(path, state);
        hooks.onEpoch?.(report);
      },
    };
    const done = await trainer.run(run);
    const state = await trainer.checkpoint();
    if (!done) {
      if (path !== undefined) await writeCheckpoint(path, state);
      throw new SkeinError('cancelled', `Stopped after step ${trainer.progress.step} of ${trainer.steps}`);
    }
    return keep === 'best' && best !== undefined ? best : trainer.modelOf(state);
  } finally {
    await trainer.close();
  }
}

/** Takes away what {@link fineTune} left there. */
export async function removeCheckpoint(path: string): Promise<void> {
  for (const file of [path, bestOf(path)]) await rm(file, { force: true });
}

/** Where the best epoch's model lies beside the checkpoint. */
function bestOf(checkpoint: string): string {
  return `${checkpoint}.best.onnx`;
}

/** What an earlier call left. */
async function checkpointOf(path: string | undefined): Promise<Checkpoint | undefined> {
  if (path === undefined || (await stat(path).catch(() => undefined)) === undefined) return undefined;
  return readCheckpoint(path);
}
