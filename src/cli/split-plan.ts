/** Writes what `skein split` made: the parts' models, and the plan that joins them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../base/index.ts';
import type { ParallelNode } from '../plan/index.ts';
import type { ChosenCombination } from '../split/index.ts';
import { planNameOf } from './plan-name.ts';
import type { SplitFlags } from './split.ts';
import type { SplitContext, SplitPart } from './split-context.ts';

/** Models and plan, in a folder of the steps. */
export async function writeParts(
  { folder, preprocessing, training, model: { graph } }: SplitContext,
  parts: readonly SplitPart[],
  { other, calibrated, scale, bias }: ChosenCombination,
  { name, output }: SplitFlags,
): Promise<string> {
  const { ClassView, withDescription } = await import('../data/index.ts');
  const { onlyFeed } = await import('../graph/index.ts');
  const { writeModel } = await import('../onnx/index.ts');
  const { savePlan } = await import('../plan/index.ts');
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
