/** What a run's numbers follow from, in few letters: a checkpoint may be gone on from where this is the same. */
import { createHash } from 'node:crypto';
import type { Dataset, Sampler } from '../data/index.ts';
import { serializeModel } from '../onnx/index.ts';
import { usableCores } from '../runtime/index.ts';
import { packed } from './parameter-layout.ts';
import type { StepModel } from './step-model.ts';
import type { TrainerOptions } from './trainer-options.ts';

/** Words that change how fast something is and not what comes of it. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['augmentThreads']);

/** Not of the number of epochs: a run may be made longer. */
export async function fingerprint(options: TrainerOptions, step: StepModel, sampler: Sampler): Promise<string> {
  // What is a function here shows in the step model.
  const {
    model,
    training,
    validation,
    imageFeeds = [],
    writeLoss: _write,
    frozen: _frozen,
    epochs: _epochs,
    ...words
  } = options;
  const hash = createHash('sha256').update(serializeModel(step.model));
  hash.update(sampler.order(0));
  const { device = 'cpu', threads = usableCores() } = words;
  const of = async (each: Dataset) => ({ source: each.source, split: each.split, digest: await each.digest() });
  const data = [await of(training), validation && (await of(validation))];
  const settings = { ...words, device, threads, data };
  hash.update(JSON.stringify(settings, (key, value) => (WITHOUT_EFFECT.has(key) ? undefined : value)));
  for (const { values, ...feed } of imageFeeds) hash.update(JSON.stringify(feed)).update(values);
  for (const vector of [step.parameters, step.statistics]) hash.update(packed(model.graph, vector));
  return hash.digest('hex');
}
