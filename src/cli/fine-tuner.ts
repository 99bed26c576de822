/** Fine-tuning as the words of a compression say it: shown while it runs, kept as a stage, gone on with. */
import type { FineTuneOptions, Lesson, Stages, Teacher } from '../compress/index.ts';
import type { Dataset, Preprocessing } from '../data/index.ts';
import { definedOnly, type Output } from './command.ts';
import type { CompressionContext } from './compression.ts';
import type { CompressionFlags, TrainingFlags } from './compression-words.ts';
import { percent } from './table.ts';

/** Of a teacher that a smaller form of it learns from. */
export const TEMPERATURE = 4;

interface Surroundings {
  readonly training: Dataset;
  readonly validation: Dataset | undefined;
  readonly preprocessing: Preprocessing;
  /** Whom `--distill` asks. */
  readonly teacher: Teacher;
  readonly stages: Stages;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** @param flags the words of the call that say how */
export function fineTuner(
  flags: TrainingFlags & Pick<CompressionFlags, 'distill'>,
  around: Surroundings,
): CompressionContext['fineTune'] {
  const { training, validation, preprocessing, teacher, stages, output, signal } = around;
  const { epochs, batch, rate, weightDecay, augment, augmentThreads, seed, threads, distill } = flags;
  const ofTeacher: Lesson | undefined =
    distill === undefined ? undefined : { kind: 'scores', teacher, temperature: TEMPERATURE, weight: distill };
  return async (name, model, changes = {}) => {
    const { fineTune } = await import('../compress/index.ts');
    const options: FineTuneOptions = {
      training,
      preprocessing,
      epochs,
      batch,
      rate,
      seed,
      augmentThreads,
      augmentation: augment,
      loss: 'cross-entropy',
      schedule: 'cosine',
      optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay },
      ...definedOnly({ validation, threads }),
      // A technique with a loss of its own knows what it does.
      ...(changes.writeLoss === undefined ? definedOnly({ lesson: ofTeacher }) : {}),
      ...changes,
    };
    if (options.epochs === 0) return model;
    const {
      training: _training,
      validation: _validation,
      writeLoss: _writeLoss,
      lesson,
      sampler,
      frozen,
      ...rest
    } = options;
    const { threads: _threads, augmentThreads: _augmentThreads, ...words } = rest;
    const data = [await options.training.digest(), await options.validation?.digest()];
    const images = sampler?.order(0) ?? 'all';
    const stays = frozen === undefined ? [] : [...model.graph.initializers.keys()].filter(frozen);
    return stages.model(name, [model, words, data, images, stays, ...settingsOf(lesson)], async (checkpoint) => {
      const isScored = lesson?.kind !== 'hint';
      let progress: ReturnType<Output['progress']> | undefined;
      try {
        return await fineTune(model, options, {
          signal,
          ...definedOnly({ checkpoint }),
          onTeacher: (images, of) => {
            progress ??= output.progress('images the teacher is asked about', of, { exitOnInterrupt: false });
            progress.update(images);
          },
          onStart: ({ step, steps }) => {
            progress?.end();
            progress = output.progress(name, steps, { exitOnInterrupt: false, from: step });
          },
          onStep: ({ step, score, imagesPerSecond }) => {
            const words = [`loss ${score.loss.toFixed(3)}`, ...(isScored ? [percent(score.accuracy)] : [])];
            progress?.update(step, [...words, `${Math.round(imagesPerSecond)} images/s`].join(', '));
          },
          onEpoch: ({ epoch, epochs: all, training: seen, validation: held, seconds }) => {
            progress?.clear();
            const heldWords = held === undefined ? '' : `, held out ${percent(held.accuracy, 2)}`;
            output.note(
              `${name}, epoch ${epoch}/${all}: loss ${seen.loss.toFixed(3)}${isScored ? `, ${percent(seen.accuracy, 2)}` : ''}${heldWords}, ${seconds.toFixed(1)} s`,
            );
          },
        });
      } finally {
        progress?.end();
      }
    });
  };
}

/** What of a lesson the outcome follows from. */
function settingsOf(lesson: Lesson | undefined): readonly unknown[] {
  if (lesson === undefined) return [];
  const { teacher, ...words } = lesson;
  return [teacher.model, teacher.preprocessing, words];
}
