/**
 * What a student is taught beside, or in place of, the labels: the teacher's scores (Hinton, Vinyals, Dean 2015) or a value
 * inside it (Romero et al. 2015). A lesson is data; this makes it a loss of the step.
 */
import { beforeLast, type Terms, writeDistillation, writeHintLoss, writeResized } from '../../autodiff/index.ts';
import { SkeinError } from '../../base/index.ts';
import { feedsOf, type Model } from '../../graph/index.ts';
import type { TrainerOptions } from '../../train/index.ts';
import { Meter } from '../meter.ts';
import { askTeacher, checkClasses, type Teacher, variantsToAsk, writeTeacher, writeTeacherLogits } from './teacher.ts';

export interface ScoreLesson {
  readonly kind: 'scores';
  readonly teacher: Teacher;
  /** What scores are divided by, above 0. */
  readonly temperature: number;
  /** The share of the teacher in the loss, 0 to 1; what is left is that of the labels. */
  readonly weight: number;
}

/** The student's second output shall be like this value of the teacher. */
export interface HintLesson {
  readonly kind: 'hint';
  readonly teacher: Teacher;
  readonly hint: string;
}

export type Lesson = ScoreLesson | HintLesson;

export interface LessonHooks {
  readonly signal?: AbortSignal;
  /** Told while the teacher is asked about the images before the first step. */
  readonly onTeacher?: (images: number, of: number) => void;
}

type Taught = Pick<TrainerOptions, 'writeLoss' | 'imageFeeds'>;

const LOGITS_INPUT = 'teacher.logits';

/**
 * What makes a training follow the lesson. Where the augmentation makes few variants of an image, the teacher is asked about
 * all of them once; else it runs in every step.
 * @throws SkeinError where the teacher does not fit the student
 */
export async function taught(
  lesson: Lesson,
  model: Model,
  options: Omit<TrainerOptions, 'model'>,
  hooks: LessonHooks = {},
): Promise<Taught> {
  const single = options.loss === 'bce' && lesson.kind === 'scores' && model.graph.outputs[0]?.type?.dims?.[1] === 1;
  if (options.loss !== 'cross-entropy' && !single) {
    throw new SkeinError(
      'invalid-argument',
      `Distillation adds to the loss cross-entropy, or to bce of a single score, received ${options.loss}`,
    );
  }
  if (options.writeLoss !== undefined) {
    throw new SkeinError('invalid-argument', 'Distillation is a loss of its own: give either a lesson or writeLoss');
  }
  const images = feedsOf(model.graph)[0]?.name ?? '';
  if (lesson.kind === 'hint') return { writeLoss: (t, outputs) => hintLoss(t, lesson, outputs, images, options) };
  const { teacher, temperature, weight } = lesson;
  const { training, preprocessing, batch, threads, labelSmoothing, classWeights } = options;
  const classes = training.classNames.length;
  checkClasses(teacher, classes);
  const ofLabels = {
    ...(labelSmoothing === undefined ? {} : { labelSmoothing }),
    ...(classWeights === undefined ? {} : { classWeights }),
  };
  const write =
    (logits: (t: Terms) => string): NonNullable<TrainerOptions['writeLoss']> =>
    (t, [scores = ''], labels) =>
      writeDistillation(t, single ? asPair(t, scores) : scores, logits(t), labels, {
        temperature,
        weight,
        ...ofLabels,
      });
  const variants = variantsToAsk(training, options);
  if (variants === undefined) {
    return { writeLoss: write((t) => writeTeacherLogits(t, teacher, images, preprocessing)) };
  }
  const meter = new Meter(threads === undefined ? {} : { threads });
  try {
    const { signal, onTeacher } = hooks;
    const values = await askTeacher(meter, teacher, training, {
      variants,
      batch,
      onProgress: (done) => onTeacher?.(done, training.size),
      ...(signal === undefined ? {} : { signal }),
    });
    return {
      writeLoss: write((t) => t.writer.input(LOGITS_INPUT, 'float32', [t.dims(images)[0], classes])),
      imageFeeds: [{ name: LOGITS_INPUT, size: classes, variants, values }],
    };
  } finally {
    await meter.close();
  }
}

/** Binary cross-entropy of a logit x is the cross-entropy of [0, x]. */
function asPair(t: Terms, scores: string): string {
  const logit = beforeLast(t, scores, 'Sigmoid');
  return t.op('Concat', [t.zerosLike(logit), logit], { axis: 1 });
}

/** The larger of both is made as small as the other. */
function hintLoss(
  t: Terms,
  { teacher, hint }: HintLesson,
  [, guided = '']: readonly string[],
  images: string,
  { preprocessing }: Omit<TrainerOptions, 'model'>,
): string {
  const theirs = writeTeacher(t, teacher, images, preprocessing, hint);
  const size = [2, 3].map((axis) => Math.min(t.size(guided, axis), t.size(theirs, axis)));
  return writeHintLoss(t, writeResized(t, guided, size), writeResized(t, theirs, size));
}
