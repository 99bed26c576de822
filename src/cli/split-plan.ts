/** Writes what `skein split` made: the parts' models, and the plan that joins them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../base/index.ts';
import type { ParallelNode } from '../plan/index.ts';
import type { ChosenCombination } from '../split/index.ts';
import { definedOnly } from './command.ts';
import { withHistory } from './history.ts';
import { planNameOf } from './plan-name.ts';
import type { SplitFlags } from './split.ts';
import type { SplitContext, SplitPart } from './split-context.ts';

/** What joins the parts, whose files are what `fileOf` says. @param labels of the training images: their frequencies are the priors */
export function parallelNode(
  parts: readonly SplitPart[],
  { other, calibrated, scale, bias }: ChosenCombination,
  labels: Int32Array,
  fileOf: (part: SplitPart) => string,
): ParallelNode {
  const priors = priorsOf(labels);
  return {
    ...{ kind: 'parallel', other },
    ...(priors !== undefined && { priors }),
    parts: parts.map((part) => {
      const ofClasses = (numbers: Float64Array): number[] => part.classes.map((c) => numbers[c] as number);
      const calibration = calibrated ? { scale: ofClasses(scale), bias: ofClasses(bias) } : {};
      return { node: { kind: 'model', file: fileOf(part) }, classes: part.classes, ...calibration };
    }),
  };
}

/** How frequent each class is; undefined where all are alike. */
function priorsOf(labels: Int32Array): number[] | undefined {
  const counts: number[] = [];
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return counts.every((count) => count === counts[0]) ? undefined : counts.map((count) => count / labels.length);
}

/** Models and plan, in a folder of the steps. */
export async function writeParts(
  { folder, path, preprocessing, training, model: { graph } }: SplitContext,
  parts: readonly SplitPart[],
  combination: ChosenCombination,
  flags: SplitFlags,
): Promise<string> {
  const { name, output } = flags;
  const { ClassView, withDescription } = await import('../data/index.ts');
  const { onlyFeed } = await import('../graph/index.ts');
  const { writeModel } = await import('../onnx/index.ts');
  const { savePlan } = await import('../plan/index.ts');
  // A call that was stopped here may have left other models under these names.
  for (const each of ['parts', 'plan']) await rm(join(folder, each), { recursive: true, force: true });
  await makeFolder(join(folder, 'parts'));
  const fileOf = ({ name: part }: SplitPart): string => join(folder, 'parts', `${part}.onnx`);
  for (const part of parts) {
    const labels = new ClassView(training, part.classes).classNames;
    const described = withDescription(part.model, { labels, preprocessing });
    const ofClasses = labels.slice(1);
    await writeModel(withHistory(described, { ...stepOf(path, flags), classes: ofClasses }), fileOf(part));
  }
  await savePlan(
    {
      name: name ?? planNameOf(output) ?? 'parts',
      input: { ...preprocessing, name: onlyFeed(graph, 'Cannot serve the model').name },
      labels: training.classNames,
      root: parallelNode(parts, combination, training.labels, fileOf),
    },
    join(folder, 'plan'),
  );
  return join(folder, 'plan');
}

/** Of the history of the parts. */
function stepOf(path: string, flags: SplitFlags): object {
  const { epochs, jointEpochs, rate, seed, images, keep, weighCosts, rounds, compensate } = flags;
  const { targetMacs, targetParams, targetLatency, maxDrop, apoz, meanActivation, distill, teacher } = flags;
  const told = definedOnly({
    targetMacs,
    targetParams,
    targetLatency,
    maxDrop,
    apoz,
    meanActivation,
    distill,
    teacher,
  });
  const trained = { epochs, jointEpochs, rate, seed };
  return { by: 'skein split', model: path, ...trained, images, keep, weighCosts, rounds, compensate, ...told };
}
