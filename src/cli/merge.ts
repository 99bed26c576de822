/** `skein merge`: the parts of a plan as one model, for a machine on which they would share one thread. */
import { extname } from 'node:path';
import { Command, Option } from 'commander';
import { checkOutputs, lockOutput, SkeinError } from '../base/index.ts';
import type { ParallelNode, Plan } from '../plan/index.ts';
import type { MergedForm, PartToMerge } from '../split/index.ts';
import { definedOnly, type OutputOptions, refuseSameFile, UsageError, withAction } from './command.ts';
import { describeMerged, mergedJson } from './merge-report.ts';

interface Options extends OutputOptions {
  readonly output: string;
  readonly form: MergedForm | 'fastest';
}

const EXPLANATION = `
Side by side, the parts are what they were, in one file. Grouped, what they do operator by operator is done once for all,
convolutions as the groups of one, each group as wide as the widest part: that needs parts of one architecture. Either way
calibration and combination are in the model, which then is one that every command takes. A plan's parts can be spread over
threads, a merged model cannot: it pays where there are no more threads than copies of the plan.`;

export function mergeCommand(): Command {
  const command = new Command('merge')
    .description('make the parts of a plan one model, in the form that is measured to be fastest on one thread')
    .argument('<plan>', 'a plan.json of parts, or the folder that holds it')
    .requiredOption('-o, --output <file>', 'the .onnx file to write')
    .addOption(
      new Option('--form <form>', 'how the parts are merged')
        .choices(['fastest', 'side-by-side', 'grouped'])
        .default('fastest'),
    )
    .addHelpText('after', EXPLANATION);
  return withAction<Options>(command, async (output, [path = ''], { output: file, form }) => {
    if (extname(file) !== '.onnx') throw new UsageError(`--output must end in .onnx, received '${file}'`);
    const { isPlanPath, openServable, modelsOf } = await import('../plan/index.ts');
    if (!(await isPlanPath(path))) throw new UsageError(`<plan> must be a plan.json or a folder, received '${path}'`);
    const { plan } = await openServable(path);
    for (const { node } of modelsOf(plan.root)) await refuseSameFile(node.file, [file], 'a model of the plan');
    await checkOutputs([file]);
    const lock = await lockOutput(file);
    const { Meter } = await import('../compress/index.ts');
    const { withDescription } = await import('../data/index.ts');
    const { writeModel } = await import('../onnx/index.ts');
    const { chooseMerged } = await import('../split/index.ts');
    const meter = new Meter();
    try {
      const root = parallelOf(plan, path);
      const only = form === 'fastest' ? undefined : form;
      const { shape } = plan.input;
      const merged = await chooseMerged(meter, await partsOf(root, path), root.other, {
        shape,
        ...definedOnly({ only }),
      });
      await writeModel(withDescription(merged.model, { labels: plan.labels, preprocessing: plan.input }), file);
      output.result({ output: file, ...mergedJson(merged) }, () =>
        [...describeMerged(merged), '', `written: ${file}`].join('\n'),
      );
    } finally {
      await meter.close();
      lock.release();
    }
  });
}

/** @throws SkeinError 'unsupported' where the plan is of another kind */
function parallelOf({ root }: Plan, path: string): ParallelNode {
  if (root.kind === 'parallel') return root;
  throw new SkeinError(
    'unsupported',
    `Cannot merge '${path}': its root must be parallel, as 'skein split' makes it, received ${root.kind}`,
  );
}

/** @throws SkeinError 'unsupported' for parts that are no models of logits */
async function partsOf({ parts }: ParallelNode, path: string): Promise<PartToMerge[]> {
  const { readModel } = await import('../onnx/index.ts');
  const { scoreScaleOf } = await import('../plan/index.ts');
  const read: PartToMerge[] = [];
  for (const [i, { node, classes, scale, bias }] of parts.entries()) {
    const refuse = (received: string): SkeinError =>
      new SkeinError(
        'unsupported',
        `Cannot merge '${path}': root.parallel.${i} must be a model of logits, received ${received}`,
      );
    if (node.kind !== 'model') throw refuse(node.kind);
    const model = await readModel(node.file);
    const scores = model.graph.outputs[0];
    const width = scores?.type?.dims?.[1] === 1 ? 1 : classes.length + 1;
    if (scoreScaleOf(model, scores?.name ?? '', width) === 'probabilities') throw refuse('probabilities');
    read.push({ model, classes, scale, bias });
  }
  return read;
}
