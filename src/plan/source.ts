/**
 * From what a user names (an .onnx or .skz file, a plan.json, a folder that holds one) to a plan. A model says nothing of its
 * preprocessing and classes, so they come, each from the first of these that has it: the caller's overrides; the model's
 * own metadata (`labels`, `mean`, `std` as JSON arrays); `models.json` beside it, or above it in a folder of models;
 * convention.
 */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { z } from 'zod';
import { messageOf, SkeinError } from '../base/index.ts';
import { descriptionOf, type ImageShape } from '../data/index.ts';
import { feedsOf, type Model } from '../graph/index.ts';
import { MODEL_EXTENSIONS, readModel } from '../onnx/index.ts';
import { formatShape } from '../tensor/index.ts';
import type { Plan } from './plan.ts';
import { PLAN_FILE, readPlan } from './plan-file.ts';
import { classesOf } from './single-score.ts';

export interface SourceOverrides {
  readonly name?: string;
  readonly labels?: readonly string[];
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  /** [channels, height, width], for models that leave it open. */
  readonly shape?: readonly number[];
}

export type Origin = 'plan' | 'overrides' | 'metadata' | 'models.json' | 'convention';

export interface Servable {
  readonly plan: Plan;
  /** Where mean and std come from. */
  readonly preprocessingFrom: Origin;
  readonly labelsFrom: Origin;
}

interface Description {
  readonly labels?: readonly string[] | undefined;
  readonly mean?: readonly number[] | undefined;
  readonly std?: readonly number[] | undefined;
}

/** What a model's file is called in a folder of its own. */
const OWN_NAMES = MODEL_EXTENSIONS.map((extension) => `model${extension}`);

/** ImageNet's, which most published models expect (RGB in 0 to 1). */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * @throws SkeinError 'not-found', 'corrupt', 'unsupported' if the model is no image classifier, 'invalid-argument' if
 * what is said of the model does not fit it
 */
export async function openServable(path: string, overrides: SourceOverrides = {}): Promise<Servable> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new SkeinError('not-found', `Cannot open '${path}': there is no such file or folder`);
  if (found.isDirectory()) {
    const file = join(path, PLAN_FILE);
    if (
      await stat(file)
        .then((plan) => plan.isFile())
        .catch(() => false)
    )
      return openPlanFile(file, overrides);
    throw new SkeinError(
      'not-found',
      `Cannot open '${path}': expected an .onnx or .skz file, a plan.json, or a folder that holds one`,
    );
  }
  return extname(path) === '.json' ? openPlanFile(path, overrides) : openModelFile(path, overrides);
}

/** Whether `openServable` would read a plan there, and not a bare model. */
export async function isPlanPath(path: string): Promise<boolean> {
  return extname(path) === '.json' || ((await stat(path).catch(() => undefined))?.isDirectory() ?? false);
}

async function openPlanFile(file: string, overrides: SourceOverrides): Promise<Servable> {
  const { name, ...others } = overrides;
  const [refused] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
  if (refused !== undefined) {
    throw new SkeinError('invalid-argument', `Plan '${file}' says its own ${refused}: change it there`);
  }
  const plan = await readPlan(file);
  return { plan: name === undefined ? plan : { ...plan, name }, preprocessingFrom: 'plan', labelsFrom: 'plan' };
}

async function openModelFile(file: string, overrides: SourceOverrides): Promise<Servable> {
  const model = await readModel(file);
  const { shape, classes, inputName } = signatureOf(model, file, overrides.shape);
  requireScores(model, file);
  const channels = shape[0];
  const sources: readonly [Origin, Description][] = [
    ['overrides', overrides],
    ['metadata', descriptionOf(model)],
    ...(await describedAbove(file)).map((described): [Origin, Description] => ['models.json', described]),
  ];
  const labelled = sources.find(([, { labels }]) => labels !== undefined);
  const normalized = sources.find(([, { mean, std }]) => mean !== undefined || std !== undefined);
  const labels = labelled?.[1].labels ?? Array.from({ length: classes ?? 0 }, (_, i) => String(i));
  if (labels.length === 0) {
    throw new SkeinError('invalid-argument', `Model '${file}' does not say how many classes it has: name its labels`);
  }
  const convention =
    channels === 3 ? IMAGENET : { mean: new Array<number>(channels).fill(0), std: new Array<number>(channels).fill(1) };
  const mean = normalized === undefined ? convention.mean : (normalized[1].mean ?? new Array<number>(channels).fill(0));
  const std = normalized === undefined ? convention.std : (normalized[1].std ?? new Array<number>(channels).fill(1));
  const refuse = (from: Origin | undefined, what: string) =>
    new SkeinError('invalid-argument', `What ${from} says of model '${file}' does not fit: ${what}`);
  if (classes !== undefined && labels.length !== classes) {
    throw refuse(labelled?.[0], `it has ${classes} classes, received ${labels.length} labels`);
  }
  if (mean.length !== channels || std.length !== channels || !std.every((value) => value > 0)) {
    throw refuse(
      normalized?.[0],
      `mean and std (above 0) must be ${channels} numbers, one a channel, received ${JSON.stringify({ mean, std })}`,
    );
  }
  return {
    plan: {
      name: overrides.name ?? basename(file, extname(file)),
      input: { name: inputName, shape, mean, std },
      labels,
      root: { kind: 'model', file: resolve(file) },
    },
    preprocessingFrom: normalized?.[0] ?? 'convention',
    labelsFrom: labelled?.[0] ?? 'convention',
  };
}

/**
 * What a model takes and gives, as an image classifier. @param expected [channels, height, width], where it leaves it open
 * @throws SkeinError 'unsupported' if it takes no images, 'invalid-argument' if `expected` is missing or does not fit
 */
export function signatureOf(
  model: Model,
  file: string,
  expected: readonly number[] | undefined,
): { inputName: string; shape: ImageShape; classes: number | undefined } {
  const feeds = feedsOf(model.graph);
  const dims = feeds[0]?.type?.dims;
  if (feeds.length !== 1 || feeds[0] === undefined || dims?.length !== 4) {
    const received = feeds.map(({ name, type }) => `'${name}' ${formatShape(type?.dims ?? [])}`).join(' and ');
    throw new SkeinError(
      'unsupported',
      `Cannot use '${file}' as an image classifier: it must have one input [batch, channels, height, width], received ${received || 'none'}`,
    );
  }
  const shape = dims.slice(1).map((dim, axis) => (typeof dim === 'number' && dim > 0 ? dim : expected?.[axis]));
  if (shape.some((dim) => dim === undefined)) {
    throw new SkeinError(
      'invalid-argument',
      `Model '${file}' leaves the image's size open, ${formatShape(dims)}: say its shape as channels, height, width`,
    );
  }
  if (expected !== undefined && (expected.length !== 3 || shape.some((dim, axis) => dim !== expected[axis]))) {
    throw new SkeinError(
      'invalid-argument',
      `Model '${file}' takes images of ${formatShape(dims.slice(1))}, received the shape ${formatShape(expected)}`,
    );
  }
  const output = model.graph.outputs.find(({ type }) => type?.dtype === 'float32' && type.dims?.length === 2);
  const scores = output?.type?.dims?.[1];
  return {
    inputName: feeds[0].name,
    shape: shape as unknown as ImageShape,
    classes: typeof scores === 'number' && scores > 0 ? classesOf(scores) : undefined,
  };
}

/** @throws SkeinError 'unsupported' where no output can hold scores, whatever is said of them */
function requireScores({ graph: { outputs } }: Model, file: string): void {
  if (outputs.some(({ type }) => type?.dtype === undefined || type.dtype === 'float32')) return;
  const received = outputs.map(({ name, type }) => `'${name}' ${type?.dtype} ${formatShape(type?.dims ?? [])}`);
  throw new SkeinError(
    'unsupported',
    `Cannot use '${file}' as an image classifier: it must have a float32 output [batch, classes], received ${received.join(' and ') || 'none'}`,
  );
}

const numbers = z.array(z.number());
const names = z.array(z.string());

const describedSchema = z.object({
  input: z.object({ mean: numbers.optional(), std: numbers.optional() }).optional(),
  labels: names.optional(),
  models: z.record(z.string(), z.object({ file: z.string().optional() })).optional(),
});

/**
 * What is said of the file by the `models.json` beside it, then by those of a folder of models that it lies in, as
 * `<root>/<model>/<version>/model.onnx` or `<root>/<model>/model.onnx`: the nearest first.
 */
async function describedAbove(file: string): Promise<Description[]> {
  const path = resolve(file);
  const folders = [dirname(path)];
  if (/^[1-9]\d*$/.test(basename(folders[0] as string))) folders.push(dirname(folders[0] as string));
  // In a folder of its own a model bears the folder's name, and the folder of models is the one above.
  const owner = OWN_NAMES.includes(basename(path)) ? basename(folders.at(-1) as string) : undefined;
  if (owner !== undefined) folders.push(dirname(folders.at(-1) as string));
  const found = await Promise.all([...new Set(folders)].map((folder) => describedIn(folder, path, owner)));
  return found.filter((described) => described !== undefined);
}

/** What the folder's `models.json` says, if it speaks of this file: it lists the file or its model, or it lists none. */
async function describedIn(folder: string, file: string, owner?: string): Promise<Description | undefined> {
  const path = join(folder, 'models.json');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  let described: z.infer<typeof describedSchema>;
  try {
    described = describedSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new SkeinError('corrupt', `Cannot read '${path}', which describes models: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const listed = Object.entries(described.models ?? {});
  const speaksOfIt = ([name, model]: (typeof listed)[number]): boolean => {
    const files = model.file === undefined ? MODEL_EXTENSIONS.map((extension) => `${name}${extension}`) : [model.file];
    return files.some((named) => resolve(folder, named) === file) || name === owner;
  };
  if (listed.length > 0 && !listed.some(speaksOfIt)) return undefined;
  return { labels: described.labels, mean: described.input?.mean, std: described.input?.std };
}
