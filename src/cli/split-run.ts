/** The steps of `skein split`: groups, parts that are cut and trained one after another, their combination, the plan. */
import { join } from 'node:path';
import { type ErrorCode, listNames, SkeinError } from '../base/index.ts';
import type { PruningTarget } from '../compress/index.ts';
import type { Dataset } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { ClassGroup } from '../split/index.ts';
import { definedOnly } from './command.ts';
import { pruningTargets } from './pruning-targets.ts';
import type { SplitFlags } from './split.ts';
import { type SplitContext, type SplitPart, stopIf } from './split-context.ts';
import { classGroups } from './split-groups.ts';
import { measure, record } from './split-measure.ts';
import { mergedOf, writeMerged } from './split-merge.ts';
import { parallelNode, writeParts } from './split-plan.ts';
import type { SplitReport } from './split-report.ts';
import { trainTogether } from './split-together.ts';
import { trainParts } from './split-train.ts';

/** @returns what was done, and the folder with the plan */
export async function splitModel(
  given: SplitContext,
  flags: SplitFlags,
): Promise<{ readonly report: SplitReport; readonly plan: string }> {
  const { liftWeights } = await import('../ops/index.ts');
  const { classifierHead, fold, runPasses } = await import('../transforms/index.ts');
  const folded = (model: Model): Model => runPasses(liftWeights(model), [fold]).model;
  const base = folded(given.model);
  const { teacher: lecturer } = given;
  const teacher = { ...lecturer, model: lecturer.model === given.model ? base : folded(lecturer.model) };
  const context = { ...given, teacher };
  const { training, validation = training, meter, preprocessing, signal } = context;
  const { classes } = classifierHead(base);
  if (flags.teacher !== undefined && flags.epochs > 0) requireHead(flags.teacher, () => classifierHead(teacher.model));
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
  const parts = await trainTogether(context, await trainParts(context, cut, flags), flags);
  const recorded = await record(context, parts, validation);
  stopIf(signal);
  const { chooseCombination } = await import('../split/index.ts');
  const combination = chooseCombination(recorded, recorded[0]?.labels ?? new Int32Array(), flags.seed);
  const { top1, images } = await meter.accuracy(base, validation, preprocessing);
  const measured = await measure(context, base, parts, recorded);
  const { combinationTimes } = await import('../plan/index.ts');
  const joined = await combinationTimes(parallelNode(parts, combination, training.labels, ({ name }) => name));
  stopIf(signal);
  const merged = flags.merge === 'never' ? undefined : await mergedOf(context, parts, combination, flags.merge);
  stopIf(signal);
  const plan = await writeParts(context, parts, combination, flags);
  if (merged?.file !== undefined) await writeMerged(context, merged.choice.model, join(plan, merged.file));
  const report = {
    output: flags.output,
    parts: measured.parts,
    combination,
    combinationMs: joined.get('root') ?? 0,
    before: { ...measured.before, top1 },
    samples: images,
    source: validation.source,
    ...definedOnly({ merged }),
  };
  return { report, plan };
}

/** Parts ask a teacher about their own classes: whether it can be is known before they are cut. @throws SkeinError that names it */
function requireHead(path: string, find: () => unknown): void {
  try {
    find();
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    throw new SkeinError(error.code, `Cannot ask '${path}' about the classes of a part: ${error.message}`);
  }
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
  { meter, stages, preprocessing, training, validation = training, output, signal }: SplitContext,
  base: Model,
  groups: readonly ClassGroup[],
  flags: SplitFlags,
): Promise<SplitPart[]> {
  const { classImportance, dropLimit, imagesOfBothSides, imagesOfClasses, prunePart } = await import(
    '../split/index.ts'
  );
  const { withClassScores } = await import('../transforms/index.ts');
  const { inputShapesOf, observeInputMoments } = await import('../compress/index.ts');
  const { apoz, meanActivation, maxDrop, keep, images, seed, weighCosts, rounds, compensate } = flags;
  const thresholds = definedOnly({ apoz, meanActivation });
  const { targets, words, unreachable } = await targetsOf(base, groups.length, { meter, preprocessing }, flags);
  const against = {
    costs: [await hardestOf(targets, base)],
    weight: weighCosts,
    options: { inputShapes: inputShapesOf(base, preprocessing.shape) },
  };
  const settings: unknown[] = [
    { ...words, thresholds, keep, images, seed, weighCosts, rounds, compensate, preprocessing },
    await training.digest(),
  ];
  if (maxDrop !== undefined) settings.push({ maxDrop }, await validation.digest());
  const progress = output.progress('parts cut', groups.length, { exitOnInterrupt: false });
  const parts: SplitPart[] = [];
  try {
    for (const [i, classes] of groups.entries()) {
      progress.update(i);
      const name = `part-${i + 1}`;
      const whole = withClassScores(base, classes);
      const order = imagesOfClasses(training.labels, classes, images, seed);
      const bothSides = imagesOfBothSides(training.labels, classes, images, seed);
      const stop = (): void => {
        if (signal.aborted) throw new SkeinError('cancelled', `Stopped while ${name} was cut`);
      };
      const model = await stages.model(`${name}.cut`, [whole, classes, ...settings], async () => {
        const limit = { most: (maxDrop ?? 0) / 100, images, seed, onImages: stop };
        const holds =
          maxDrop !== undefined && (await dropLimit(meter, whole, classes, validation, preprocessing, limit));
        return prunePart(whole, {
          ...{ thresholds, targets, unreachable, keep, rounds, against, signal },
          ...(compensate && {
            moments: (each) => observeInputMoments(each, meter, training, preprocessing, { order: bothSides, signal }),
          }),
          ...(holds !== false && { holds }),
          judge: (each, channels) => {
            stop();
            return classImportance(meter, each, channels, training, preprocessing, { order });
          },
        });
      });
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

/** What the target that is furthest away saves: the others are mostly met on the way. */
async function hardestOf(targets: readonly PruningTarget[], base: Model): Promise<'params' | 'macs'> {
  let hardest = { factor: 0, saves: 'macs' as 'params' | 'macs' };
  for (const { unit, cost, most } of targets) {
    const factor = (await cost(base)) / most;
    if (factor > hardest.factor) hardest = { factor, saves: unit === 'parameters' ? 'params' : 'macs' };
  }
  return hardest.saves;
}

async function targetsOf(
  base: Model,
  groups: number,
  around: Pick<SplitContext, 'meter' | 'preprocessing'>,
  { targetMacs, targetParams, targetLatency, maxDrop, apoz, meanActivation }: SplitFlags,
): Promise<{ targets: PruningTarget[]; words: object; unreachable: 'refuse' | 'smallest' }> {
  const told = [targetMacs, targetParams, targetLatency, maxDrop, apoz, meanActivation].some(
    (each) => each !== undefined,
  );
  const usual = told || groups === 1 ? undefined : { times: Math.min(groups, MOST_TIMES) };
  const words = definedOnly({ targetMacs: targetMacs ?? usual, targetParams, targetLatency });
  // What nobody asked for must not be what it fails by.
  const unreachable = usual === undefined ? 'refuse' : 'smallest';
  return { targets: await pruningTargets(base, around, words), words, unreachable };
}
