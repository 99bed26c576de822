/**
 * What a model's file says of its images, its classes and how it came about, as JSON in its metadata: the way in which a
 * bare model tells every command what it needs to be served. Other tools may use the same keys in other ways: what is no
 * JSON array is not meant for Skein.
 */
import { z } from 'zod';
import type { Model } from '../graph/index.ts';
import type { Preprocessing } from './preprocessing.ts';

export interface ModelDescription {
  /** Names of the classes, in the order of the scores. */
  readonly labels: readonly string[];
  readonly preprocessing: Pick<Preprocessing, 'mean' | 'std'>;
  /** How the weights came about, in words and numbers. */
  readonly trained?: object;
}

const numbers = z.array(z.number());
const names = z.array(z.string());

/** The model with the description in its metadata, which else stays as it is. */
export function withDescription(model: Model, { labels, preprocessing, trained }: ModelDescription): Model {
  const metadata = new Map(model.metadata);
  metadata.set('labels', JSON.stringify(labels));
  metadata.set('mean', JSON.stringify(preprocessing.mean));
  metadata.set('std', JSON.stringify(preprocessing.std));
  if (trained !== undefined) metadata.set('trained', JSON.stringify(trained));
  return { ...model, metadata };
}

/** What of it the model's metadata has. */
export function descriptionOf({ metadata }: Model): {
  readonly labels?: readonly string[] | undefined;
  readonly mean?: readonly number[] | undefined;
  readonly std?: readonly number[] | undefined;
} {
  const read = <T>(key: string, schema: z.ZodType<T>): T | undefined => {
    try {
      return schema.parse(JSON.parse(metadata.get(key) ?? ''));
    } catch {
      return undefined;
    }
  };
  return { labels: read('labels', names), mean: read('mean', numbers), std: read('std', numbers) };
}
