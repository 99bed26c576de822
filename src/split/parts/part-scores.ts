/** What the network of a group says of images, and how good it is at its own task. */
import { listNames, SkeinError } from '../../base/index.ts';
import type { Meter, ObserveOptions } from '../../compress/index.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import type { PartScores } from '../combine/choose-combination.ts';

export interface RecordedPart extends PartScores {
  /** Of the readable images, in their order. */
  readonly labels: Int32Array;
}

/**
 * @param model with scores [other, c₁ … cₘ], or one logit, which stands for [0, logit]
 * @throws SkeinError 'invalid-argument' for scores that are no numbers
 */
export async function recordPart(
  meter: Meter,
  model: Model,
  classes: readonly number[],
  data: Dataset,
  preprocessing: Preprocessing,
  options: ObserveOptions = {},
): Promise<RecordedPart> {
  const name = model.graph.outputs[0]?.name ?? '';
  const width = classes.length + 1;
  const logits: number[] = [];
  const labels: number[] = [];
  for await (const { labels: some, indices, values } of meter.observe(model, [name], data, preprocessing, options)) {
    const seen = values.get(name)?.data as Float32Array;
    const odd = seen.findIndex((score) => !Number.isFinite(score));
    if (odd >= 0) {
      const image = data.name(indices[Math.floor((odd * some.length) / seen.length)] as number);
      const names = listNames(classes.map((c) => data.classNames[c] ?? ''));
      throw new SkeinError(
        'invalid-argument',
        `Cannot join the part of ${names}: expected numbers as scores, received ${seen[odd]} for '${image}': take a sound model, or train with a lower rate`,
      );
    }
    if (seen.length === some.length) for (const logit of seen) logits.push(0, logit);
    else for (const score of seen) logits.push(score);
    for (const label of some) labels.push(label);
  }
  return {
    classes,
    logits: Float64Array.from(logits.slice(0, labels.length * width)),
    labels: Int32Array.from(labels),
  };
}

/**
 * Accuracy at telling its classes from each other and from all others: the mean over 'other' and each class of the share that
 * is right, so that it is worth something to know a class that is rare. Fraction of 1; classes without images do not count.
 */
export function ownAccuracy({ classes, logits, labels }: RecordedPart): number {
  const width = classes.length + 1;
  const [counts, right] = [new Float64Array(width), new Float64Array(width)];
  for (const [row, label] of labels.entries()) {
    const own = classes.indexOf(label) + 1;
    const scores = logits.subarray(row * width, (row + 1) * width);
    counts[own] = (counts[own] as number) + 1;
    if (scores.indexOf(Math.max(...scores)) === own) right[own] = (right[own] as number) + 1;
  }
  const shares = [...counts.keys()]
    .filter((c) => counts[c] !== 0)
    .map((c) => (right[c] as number) / (counts[c] as number));
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}
