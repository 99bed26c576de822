/** The parts of `skein split` as one model beside the plan, for whoever has one thread for all of them. */
import { SkeinError } from '../base/index.ts';
import type { Model } from '../graph/index.ts';
import type { ChosenCombination, MergedChoice } from '../split/index.ts';
import { isFaster } from './merge-report.ts';
import type { SplitFlags } from './split.ts';
import type { SplitContext, SplitPart } from './split-context.ts';

export interface MergedParts {
  readonly choice: MergedChoice;
  /** In the folder of the plan; undefined where it is not written. */
  readonly file: string | undefined;
}

/**
 * Measures the parts as one model; it is to be written where that is faster, or always. Undefined where they cannot be one,
 * which is told: the plan, for which the parts may have been trained for hours, does not need it.
 */
export async function mergedOf(
  { meter, preprocessing: { shape }, output }: SplitContext,
  parts: readonly SplitPart[],
  { other, calibrated, scale, bias }: ChosenCombination,
  when: Exclude<SplitFlags['merge'], 'never'>,
): Promise<MergedParts | undefined> {
  const { chooseMerged } = await import('../split/index.ts');
  const toMerge = parts.map(({ model, classes }) => {
    const ofClasses = (numbers: Float64Array): number[] => classes.map((c) => numbers[c] as number);
    return { model, classes, ...(calibrated ? { scale: ofClasses(scale), bias: ofClasses(bias) } : {}) };
  });
  try {
    const choice = await chooseMerged(meter, toMerge, other, { shape });
    return { choice, file: when === 'always' || isFaster(choice) ? 'merged.onnx' : undefined };
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    const line = `the parts are not merged: ${error.message}`;
    if (when === 'always') output.warn(line);
    else output.note(line);
    return undefined;
  }
}

export async function writeMerged(
  { preprocessing, training }: SplitContext,
  model: Model,
  file: string,
): Promise<void> {
  const { withDescription } = await import('../data/index.ts');
  const { writeModel } = await import('../onnx/index.ts');
  await writeModel(withDescription(model, { labels: training.classNames, preprocessing }), file);
}
