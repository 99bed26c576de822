/** What two models say of the same images. */
import { SkeinError } from '../../base/index.ts';
import { type Dataset, type Preprocessing, stratifiedSample } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { givesProbabilities, highest, logProbabilities } from '../answers.ts';
import type { Meter } from '../meter.ts';

/** Where models are judged. */
export interface Judging {
  readonly meter: Meter;
  readonly data: Dataset;
  readonly preprocessing: Preprocessing;
  /** A sample of the data, each class with its share; all of it unless told. */
  readonly images?: number;
  /** Of the sample. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

export interface Scores {
  /** A row an image. */
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  /** Whether they are those of a Softmax; logits otherwise. */
  readonly probabilities: boolean;
}

/** The first output for every image. @throws SkeinError 'cancelled' once the signal has come */
export async function scoresOf(model: Model, judging: Judging): Promise<Scores> {
  const { meter, data, preprocessing, images, seed = 0, signal } = judging;
  const output = model.graph.outputs[0]?.name ?? '';
  const order = images === undefined ? undefined : stratifiedSample(data.labels, Math.min(images, data.size), seed);
  const parts: { scores: Float32Array; labels: Int32Array }[] = [];
  const words = { ...(order === undefined ? {} : { order }), ...(signal === undefined ? {} : { signal }) };
  for await (const batch of meter.observe(model, [output], data, preprocessing, words)) {
    parts.push({ scores: batch.values.get(output)?.data as Float32Array, labels: batch.labels });
  }
  const count = parts.reduce((sum, { labels }) => sum + labels.length, 0);
  if (count === 0) throw new SkeinError('invalid-argument', `Cannot measure on '${data.source}': it has no images`);
  const classes = (parts[0]?.scores.length ?? 0) / (parts[0]?.labels.length ?? 1);
  const [scores, labels] = [new Float32Array(count * classes), new Int32Array(count)];
  let at = 0;
  for (const part of parts) {
    scores.set(part.scores, at * classes);
    labels.set(part.labels, at);
    at += part.labels.length;
  }
  return { scores, labels, probabilities: givesProbabilities(model) };
}

/** Fraction of the images whose label has the highest score. */
export function top1Of({ scores, labels }: Scores): number {
  const classes = scores.length / labels.length;
  let right = 0;
  for (const [row, label] of labels.entries()) {
    if (highest(scores.subarray(row * classes, (row + 1) * classes)) === label) right++;
  }
  return right / labels.length;
}

/** Mean KL(p ‖ q) in nats over the images, p what `reference` says of an image's classes, q what `other` does. */
export function divergenceOf(other: Scores, reference: Scores): number {
  const { labels } = reference;
  const classes = reference.scores.length / labels.length;
  const rowOf = ({ scores, probabilities }: Scores, row: number): Float64Array =>
    logProbabilities(scores.subarray(row * classes, (row + 1) * classes), probabilities);
  let sum = 0;
  for (let row = 0; row < labels.length; row++) {
    const [p, q] = [rowOf(reference, row), rowOf(other, row)];
    for (let k = 0; k < classes; k++) sum += Math.exp(p[k] as number) * ((p[k] as number) - (q[k] as number));
  }
  return sum / labels.length;
}
