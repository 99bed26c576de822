/**
 * How the network of a group of classes is trained (sensAI): for one class with binary cross-entropy, half of the images its
 * own and half drawn anew from the others each epoch; for more with cross-entropy over 'other' and each of them, all equally
 * often.
 */
import type { FineTuneOptions, Teacher } from '../../compress/index.ts';
import { balancedSampler, ClassView, type Dataset, evenOrder, halfPositiveSampler } from '../../data/index.ts';
import { exactClassScores } from '../../transforms/index.ts';

export type PartTraining = Pick<FineTuneOptions, 'training' | 'validation' | 'loss' | 'sampler' | 'lesson'>;

export interface PartTrainingOptions {
  readonly training: Dataset;
  /** What the best epoch is chosen by, with 'other' and each class weighing the same. */
  readonly validation?: Dataset;
  readonly seed: number;
  /** The network that the part was made of, or another of all classes, asked for its word on the part's; it must have gone through the pass `fold`. */
  readonly teacher?: Teacher & { readonly temperature: number; readonly weight: number };
}

/**
 * @param classes ascending
 * @throws SkeinError 'invalid-argument' where a single class has no images, or there are no others
 */
export function partTraining(classes: readonly number[], options: PartTrainingOptions): PartTraining {
  const { seed, teacher } = options;
  const training = new ClassView(options.training, classes);
  const validation = options.validation && evenView(options.validation, classes);
  const isSingle = classes.length === 1;
  return {
    training,
    ...(validation === undefined ? {} : { validation }),
    loss: isSingle ? 'bce' : 'cross-entropy',
    sampler: isSingle ? halfPositiveSampler(training.labels, [1], seed) : groupSampler(training.labels, seed),
    ...(teacher === undefined ? {} : { lesson: lessonOf(classes, teacher) }),
  };
}

/** As many images as make each of its own come once, where these are equally many. */
function groupSampler(labels: Int32Array, seed: number) {
  const own = labels.filter((label) => label !== 0);
  const share = (new Set(own).size + (own.length < labels.length ? 1 : 0)) / new Set(own).size;
  return balancedSampler(labels, seed, Math.round(own.length * share));
}

function evenView(data: Dataset, classes: readonly number[]): ClassView {
  return new ClassView(data, classes, evenOrder(new ClassView(data, classes).labels));
}

function lessonOf(
  classes: readonly number[],
  { model, preprocessing, temperature, weight }: NonNullable<PartTrainingOptions['teacher']>,
): NonNullable<PartTraining['lesson']> {
  const teacher = { model: exactClassScores(model, classes), preprocessing };
  return { kind: 'scores', teacher, temperature, weight };
}
