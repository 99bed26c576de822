/** The steps of `skein split`: groups, parts that are cut and trained one after another, their combination, the plan. */
import { join } from 'node:path';
import { type ErrorCode, listNames, SkeinError } from '../base/index.ts';
import type { Meter, PruningTarget, Stages } from '../compress/index.ts';
import type { Dataset, Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { ParallelNode } from '../plan/index.ts';
import type { ChosenCombination, ClassGroup, RecordedPart } from '../split/index.ts';
import { definedOnly, type Output } from './command.ts';
import { fineTuner, TEMPERATURE } from './fine-tuner.ts';
import { planNameOf } from './plan-name.ts';
import { pruningTargets } from './pruning-targets.ts';
import type { SplitFlags } from './split.ts';
import { classGroups } from './split-groups.ts';
import type { PartReport, SplitReport } from './split-report.ts';
import { count } from './table.ts';

export interface SplitContext {
  readonly path: string;
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  readonly training: Dataset;
  readonly validation: Dataset | undefined;
  readonly meter: Meter;
  readonly stages: Stages;
  /** Of the stages; models and plan are written here first. */
  readonly folder: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

interface Part {
  readonly classes: ClassGroup;
  /** Of its files and stages: 'part-1'. */
  readonly name: string;
  readonly model: Model;
}

/** @returns what was done, and the folder with the plan */
export async function splitModel(
  context: SplitContext,
  flags: SplitFlags,
): Promise<{ readonly report: SplitReport; readonly plan: string }> {
  const { liftWeights } = await import('../ops/index.ts');
  const { classifierHead, fold, runPasses } = await import('../transforms/index.ts');
  const { training, validation = training, meter, preprocessing, signal } = context;
  const base = runPasses(liftWeights(context.model), [fold]).model;
  const { classes } = classifierHead(base);
  const { classNames } = training;
  if (classes !== classNames.length) {
    throw new SkeinError(
      'invalid-argument',
      `Cannot split '${context.path}' by class: it has ${classes} scores, expected one for each of the ${classNames.length} classes of '${training.source}'`,
    );
  }
  for (const data of new Set([training, validation])) requireAllClasses(data);
  const groups = await classGroups(flags.groups, flags.grouping, { ...context, model: base, seed: flags.seed });
  const cut = await cutParts(context, base, groups, flags);
  const parts = await trainParts(context, base, cut, flags);
  const recorded = await record(context, parts, validation);
  stopIf(signal);
  const { chooseCombination } = await import('../split/index.ts');
  const combination = chooseCombination(recorded, recorded[0]?.labels ?? new Int32Array(), flags.seed);
  const { top1, images } = await meter.accuracy(base, validation, preprocessing);
  const measured = await measure(context, base, parts, recorded);
  stopIf(signal);
  const plan = await write(context, parts, combination, flags);
  const report = {
    output: flags.output,
    parts: measured.parts,
    combination,
    before: { ...measured.before, top1 },
    samples: images,
    source: validation.source,
  };
  return { report, plan };
}

function stopIf(signal: AbortSignal): void {
  if (signal.aborted) throw new SkeinError('cancelled', 'Stopped before the parts were joined');
}

/** @throws SkeinError 'invalid-argument' that names them */
function requireAllClasses({ classNames, labels, source, split }: Dataset): void {
  const there = new Set(labels);
  const missing = classNames.filter((_, c) => !there.has(c));
  if (missing.length === 0) return;
  throw new SkeinError(
    'invalid-argument',
    `Cannot split by class: expected images of every class in '${source}'${split === undefined ? '' : `, split '${split}'`}, there are none of ${listNames(missing)}`,
  );
}

/** What cutting ends in where its targets or the model will not do. */
const NEEDS_OTHER_WORDS: ReadonlySet<ErrorCode> = new Set(['invalid-argument', 'unsupported'] as const);
/** MACs of the base over those of a part are as many as there are groups, but a part cannot be as small as all that. */
const MOST_TIMES = 8;

/** All parts are cut before the first is trained, so that a target that is out of reach is heard of at once. */
async function cutParts(
  { meter, stages, preprocessing, training, output, signal }: SplitContext,
  base: Model,
  groups: readonly ClassGroup[],
  flags: SplitFlags,
): Promise<Part[]> {
  const { classImportance, imagesOfClasses, prunePart } = await import('../split/index.ts');
  const { withClassScores } = await import('../transforms/index.ts');
  const { apoz, meanActivation, keep, images, seed } = flags;
  const thresholds = definedOnly({ apoz, meanActivation });
  const { targets, words } = await targetsOf(base, groups.length, { meter, preprocessing }, flags);
  const settings = [{ ...words, thresholds, keep, images, seed, preprocessing }, await training.digest()];
  const progress = output.progress('parts cut', groups.length, { exitOnInterrupt: false });
  const parts: Part[] = [];
  try {
    for (const [i, classes] of groups.entries()) {
      progress.update(i);
      const name = `part-${i + 1}`;
      const whole = withClassScores(base, classes);
      const order = imagesOfClasses(training.labels, classes, images, seed);
      const model = await stages.model(`${name}.cut`, [whole, classes, ...settings], () =>
        prunePart(whole, {
          ...{ thresholds, targets, keep, signal },
          judge: (each, channels) => {
            if (signal.aborted) throw new SkeinError('cancelled', `Stopped while ${name} was cut`);
            return classImportance(meter, each, channels, training, preprocessing, { order });
          },
        }),
      );
      parts.push({ classes, name, model });
    }
  } catch (error) {
    // Other words are needed: what was done with these is of no use.
    if (error instanceof SkeinError && NEEDS_OTHER_WORDS.has(error.code)) await stages.clear();
    throw error;
  } finally {
    progress.end();
  }
  return parts;
}

async function targetsOf(
  base: Model,
  groups: number,
  around: Pick<SplitContext, 'meter' | 'preprocessing'>,
  { targetMacs, targetParams, targetLatency, apoz, meanActivation }: SplitFlags,
): Promise<{ targets: PruningTarget[]; words: object }> {
  const told = [targetMacs, targetParams, targetLatency, apoz, meanActivation].some((each) => each !== undefined);
  const usual = told || groups === 1 ? undefined : { times: Math.min(groups, MOST_TIMES) };
  const words = definedOnly({ targetMacs: targetMacs ?? usual, targetParams, targetLatency });
  return { targets: await pruningTargets(base, around, words), words };
}

async function trainParts(
  { training, validation, preprocessing, stages, output, signal }: SplitContext,
  base: Model,
  parts: readonly Part[],
  flags: SplitFlags,
): Promise<Part[]> {
  const { partTraining } = await import('../split/index.ts');
  const { costOf } = await import('../ops/index.ts');
  const { inputShapesOf } = await import('../compress/index.ts');
  const { distill, ...others } = flags;
  const teacher = { model: base, preprocessing };
  const fineTune = fineTuner(others, { training, validation, preprocessing, teacher, stages, output, signal });
  const taughtBy = distill === undefined ? {} : { teacher: { ...teacher, temperature: TEMPERATURE, weight: distill } };
  const trained: Part[] = [];
  for (const [i, part] of parts.entries()) {
    const { classes, name, model } = part;
    const { params, macs } = costOf(model, { inputShapes: inputShapesOf(model, preprocessing.shape) });
    const names = listNames(classes.map((c) => training.classNames[c] ?? ''));
    output.note(`${name} of ${parts.length}: ${names}; ${count(params)} parameters, ${count(macs)} MACs`);
    const told = partTraining(classes, { training, ...definedOnly({ validation }), seed: flags.seed + i, ...taughtBy });
    trained.push({ ...part, model: await fineTune(name, model, told) });
  }
  return trained;
}

/** What the parts say of the held-out images. */
async function record(
  { meter, preprocessing, output, signal }: SplitContext,
  parts: readonly Part[],
  data: Dataset,
): Promise<RecordedPart[]> {
  const { recordPart } = await import('../split/index.ts');
  const progress = output.progress('held-out images answered', parts.length * data.size, { exitOnInterrupt: false });
  try {
    const recorded: RecordedPart[] = [];
    for (const [i, { model, classes }] of parts.entries()) {
      const onImages = (done: number): void => {
        stopIf(signal);
        progress.update(i * data.size + done);
      };
      recorded.push(await recordPart(meter, model, classes, data, preprocessing, { onImages }));
    }
    return recorded;
  } finally {
    progress.end();
  }
}

/** Costs of all, with latencies taken in turns. */
async function measure(
  { meter, preprocessing: { shape }, training }: SplitContext,
  base: Model,
  parts: readonly Part[],
  recorded: readonly RecordedPart[],
) {
  const { inputShapesOf } = await import('../compress/index.ts');
  const { costOf } = await import('../ops/index.ts');
  const { ownAccuracy } = await import('../split/index.ts');
  const models = [base, ...parts.map(({ model }) => model)];
  const latencies = await meter.latenciesMs(models, { shape });
  const [before, ...ofParts] = models.map((model, i) => {
    const { params, macs } = costOf(model, { inputShapes: inputShapesOf(model, shape) });
    return { params, macs, latencyMs: latencies[i] as number };
  });
  return {
    before: before as NonNullable<typeof before>,
    parts: parts.map(
      ({ classes, name }, i): PartReport => ({
        classes: classes.map((c) => training.classNames[c] ?? ''),
        model: `${name}.onnx`,
        ...(ofParts[i] as NonNullable<typeof before>),
        top1: ownAccuracy(recorded[i] as RecordedPart),
      }),
    ),
  };
}

/** Models and plan, in a folder of the steps. */
async function write(
  { folder, preprocessing, training, model: { graph } }: SplitContext,
  parts: readonly Part[],
  { other, calibrated, scale, bias }: ChosenCombination,
  { name, output }: SplitFlags,
): Promise<string> {
  const { ClassView, withDescription } = await import('../data/index.ts');
  const { onlyFeed } = await import('../graph/index.ts');
  const { writeModel } = await import('../onnx/index.ts');
  const { savePlan } = await import('../plan/index.ts');
  const { makeFolder } = await import('../base/index.ts');
  const { rm } = await import('node:fs/promises');
  const made: ParallelNode['parts'][number][] = [];
  // A call that was stopped here may have left other models under these names.
  for (const each of ['parts', 'plan']) await rm(join(folder, each), { recursive: true, force: true });
  await makeFolder(join(folder, 'parts'));
  for (const { classes, name: part, model } of parts) {
    const file = join(folder, 'parts', `${part}.onnx`);
    const labels = new ClassView(training, classes).classNames;
    await writeModel(withDescription(model, { labels, preprocessing }), file);
    const ofClasses = (numbers: Float64Array): number[] => classes.map((c) => numbers[c] as number);
    const calibration = calibrated ? { scale: ofClasses(scale), bias: ofClasses(bias) } : {};
    made.push({ node: { kind: 'model', file }, classes, ...calibration });
  }
  await savePlan(
    {
      name: name ?? planNameOf(output) ?? 'parts',
      input: { ...preprocessing, name: onlyFeed(graph, 'Cannot serve the model').name },
      labels: training.classNames,
      root: { kind: 'parallel', other, parts: made },
    },
    join(folder, 'plan'),
  );
  return join(folder, 'plan');
}
