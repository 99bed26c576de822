/**
 * What a run's numbers follow from, so that a checkpoint is gone on from only where this is the same, and where it is not,
 * what differs has a name. Options stand in words, what is too long for that as a digest.
 */
import { createHash } from 'node:crypto';
import { listNames, SkeinError } from '../base/index.ts';
import type { Dataset, Sampler } from '../data/index.ts';
import { serializeModel } from '../onnx/index.ts';
import { usableCores } from '../runtime/index.ts';
import { packed } from './parameter-layout.ts';
import type { StepModel } from './step-model.ts';
import type { TrainerOptions } from './trainer-options.ts';

export interface RunSettings {
  /** Value by option: 'rate', 'optimizer.momentum', 'training.images'. */
  readonly words: Readonly<Record<string, string>>;
  /** SHA-256 of the rest, by what it is of: a key of OTHERS. */
  readonly digests: Readonly<Record<string, string>>;
}

/** What a digest is of, as it is said where it differs. */
const OTHERS: Readonly<Record<string, string>> = {
  step: 'another network or another loss',
  weights: 'other weights to begin with',
  order: 'another order of the images',
  training: 'other training images',
  validation: 'other held-out images',
  feeds: 'other values beside the images',
};

/** Longer values are cut in messages. */
const LONGEST = 60;

/** Not of the number of epochs: a run may be made longer. */
export async function runSettings(options: TrainerOptions, step: StepModel, sampler: Sampler): Promise<RunSettings> {
  const {
    // What is a function or a graph here shows in the step model, the sampler in the order.
    model,
    writeLoss: _write,
    frozen: _frozen,
    sampler: _sampler,
    training,
    validation,
    imageFeeds = [],
    epochs: _epochs,
    // Changes how fast something is and not what comes of it.
    augmentThreads: _augment,
    ...told
  } = options;
  const { device = 'cpu', threads = usableCores() } = told;
  const words: Record<string, string> = {};
  const data = { training: described(training), ...(validation && { validation: described(validation) }) };
  addWords(words, '', { ...told, device, threads, ...data, parameters: step.parameters.size });
  const feeds = createHash('sha256');
  for (const { values, ...feed } of imageFeeds) feeds.update(JSON.stringify(feed)).update(values);
  const weights = createHash('sha256');
  for (const vector of [step.parameters, step.statistics]) weights.update(packed(model.graph, vector));
  return {
    words,
    digests: {
      step: createHash('sha256').update(serializeModel(step.model)).digest('hex'),
      weights: weights.digest('hex'),
      order: createHash('sha256').update(sampler.order(0)).digest('hex'),
      training: await training.digest(),
      ...(validation && { validation: await validation.digest() }),
      feeds: feeds.digest('hex'),
    },
  };
}

function described({ source, split, size }: Dataset): object {
  return { source, split, images: size };
}

/** Objects become a word for each of what they hold. */
function addWords(words: Record<string, string>, prefix: string, values: object): void {
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    if (typeof value === 'object' && !Array.isArray(value)) addWords(words, `${prefix}${name}.`, value);
    else words[`${prefix}${name}`] = typeof value === 'string' ? value : JSON.stringify(value);
  }
}

/**
 * @param then of the run that made the checkpoint
 * @param threadsTold whether the call says how many threads; else they follow from the cores
 * @throws SkeinError 'invalid-argument' that names what differs, with both values where there are words for it
 */
export function checkSettings(then: RunSettings, now: RunSettings, threadsTold: boolean): void {
  const options = differing(then.words, now.words);
  // A digest mostly differs because an option does.
  const parts =
    options.length > 0
      ? options.map((name) => `${name} ${wordOf(then, name)}, not ${wordOf(now, name)}`)
      : differing(then.digests, now.digests).map((name) => OTHERS[name] ?? name);
  if (parts.length === 0) return;
  const isThreads = options.length === 1 && options[0] === 'threads';
  const why = threadsTold ? '' : ', which unless told are as many as there are usable cores';
  const advice = isThreads
    ? `${why}: go on with as many, --threads ${wordOf(then, 'threads')}, or begin anew`
    : ': repeat the call that made it, or begin anew';
  throw new SkeinError('invalid-argument', `The checkpoint is of a run with ${listNames(parts, 8)}${advice}`);
}

function differing(then: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] {
  const names = new Set([...Object.keys(then), ...Object.keys(now)]);
  return [...names].filter((name) => then[name] !== now[name]);
}

function wordOf({ words }: RunSettings, name: string): string {
  const value = words[name] ?? 'unset';
  return value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value;
}
