/** `skein split`: takes a model apart into small ones for groups of its classes, which answer together (sensAI). */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { fittingAugmentation } from './augmentation.ts';
import {
  definedOnly,
  MOST_THREADS,
  numberBetween,
  type Output,
  refuseSameFile,
  UsageError,
  wholeNumber,
  withAction,
} from './command.ts';
import { type TrainingFlags, WEIGHT, withTrainingWords } from './compression-words.ts';
import { inSteps, type Workplace } from './in-steps.ts';
import { moveFolder, placeOf, refuseUsedFolder } from './output-folder.ts';
import { type TargetFlags, withTargets } from './pruning-targets.ts';
import { GROUPINGS, type Grouping, type GroupWords, readGroups } from './split-groups.ts';
import { describeSplit, splitJson } from './split-report.ts';
import { splitModel } from './split-run.ts';
import { openOtherTeacher } from './teacher-source.ts';
import { sourceOf } from './train-source.ts';

export interface SplitFlags extends TrainingFlags, TargetFlags {
  readonly by: 'class';
  readonly groups: GroupWords;
  readonly grouping?: Grouping;
  readonly apoz?: number;
  readonly meanActivation?: number;
  /** Points. */
  readonly maxDrop?: number;
  readonly keep: number;
  readonly weighCosts: number;
  readonly rounds: number;
  readonly compensate: boolean;
  readonly images: number;
  readonly jointEpochs: number;
  readonly distill?: number;
  readonly teacher?: string;
  readonly atOnce?: number;
  readonly merge: 'auto' | 'always' | 'never';
  readonly name?: string;
}

const EXPLANATION = `
Each part is the model with the scores of its classes and one of 'other' (for a single class: one logit), without the
channels that say least on images of these classes, trained with as many images of other classes as of each of its own.
With --joint-epochs all parts are trained as one model after that, by the softmax of what they say, which is how they answer.
The plan joins the parts' scores, calibrated on the held-out images, by a softmax. While it is made, a folder of its steps
lies beside it.`;

export function splitCommand(): Command {
  const command = new Command('split')
    .description('take a model apart into small ones for groups of its classes, which see an image at once')
    .argument('<model>', 'an .onnx or .skz file')
    .requiredOption(
      '-o, --output <folder>',
      'where plan.json and the models of the parts go; must not be there, or empty',
    )
    .addOption(new Option('--by <what>', 'what parts are of').choices(['class']).default('class'))
    .requiredOption(
      '--groups <groups>',
      "per-class; how many groups; or their classes: 'cat,dog;ship,truck'",
      readGroups,
    )
    .addOption(
      new Option(
        '--grouping <how>',
        'which classes go together: those with like features, or neighbours (default: features)',
      ).choices(GROUPINGS),
    );
  withTargets(
    command,
    'of each part (default: as many times less as there are groups, 8x at most, or as near as that can be reached)',
  )
    .option(
      '--max-drop <points>',
      "in place of targets: each part is cut as far as its own task's held-out accuracy falls by no more at once, before it is trained",
      numberBetween(0, 100),
    )
    .option('--apoz <part>', "a channel goes that is zero more often on the part's images (0.73)", numberBetween(0, 1))
    .option(
      '--mean-activation <n>',
      'a channel goes whose mean |a| is lower (0.01); with --apoz where both hold',
      numberBetween(0, 1e6),
    )
    .option('--keep <part>', 'the part of the channels of a layer that stays in any case', numberBetween(0, 1), 0.125)
    .option(
      '--weigh-costs <n>',
      'how much the parameters or MACs of a channel count against its rank: 0 not at all, 1 fully',
      numberBetween(0, 1),
      0,
    )
    .option(
      '--images <n>',
      "of the part's own training images, that channels are judged on (and of held-out ones for --max-drop)",
      wholeNumber(1),
      512,
    )
    .option(
      '--rounds <n>',
      'rounds of cutting to targets, in each of which channels are judged anew',
      wholeNumber(1, 1000),
      2,
    )
    .option(
      '--no-compensate',
      'leave the weights of what stays as they are, instead of letting it speak for what went (where there are targets; least squares on what layers answer to --images, half of them of other classes)',
    )
    .option('--epochs <n>', 'of training each part; 0 for none', wholeNumber(0), 10)
    .option(
      '--joint-epochs <n>',
      'of training all parts together after that, by the answer that they give as one',
      wholeNumber(0),
      0,
    )
    .addOption(
      new Option(
        '--distill [weight]',
        'the model as teacher of its parts, alone and together, with this share in the loss',
      )
        .argParser(numberBetween(0, 1))
        .preset(WEIGHT),
    )
    .option('--teacher <model>', `another model as teacher of the parts (with --distill ${WEIGHT} unless told)`)
    .option(
      '--at-once <n>',
      'parts trained at a time, with the threads shared among them (default: as many as --threads)',
      wholeNumber(1, MOST_THREADS),
    )
    .addOption(
      new Option(
        '--merge <when>',
        "whether merged.onnx, the parts as one model, is written, too: where it's faster on one thread",
      )
        .choices(['auto', 'always', 'never'])
        .default('auto'),
    )
    .option('--name <name>', 'of the plan (default: that of the folder)')
    .addHelpText('after', EXPLANATION);
  withTrainingWords(command, 'the highest learning rate, falling as a cosine', 0.01);
  return withAction<SplitFlags>(command, async (output, [path = ''], flags) => {
    checkMaxDrop(flags);
    await refuseSameFile(path, [flags.output]);
    if (flags.teacher !== undefined) await refuseSameFile(flags.teacher, [flags.output], '--teacher');
    await refuseUsedFolder(flags.output);
    const place = await placeOf(flags.output);
    await inSteps({ command: 'split', path, place, flags }, output, (at) => run(at, output, path, place, flags));
  });
}

async function run(at: Workplace, output: Output, path: string, place: string, given: SplitFlags): Promise<void> {
  const { model, preprocessing, fresh } = await sourceOf(path, at.training, given, output);
  if (fresh) throw new UsageError(`<model> must be an .onnx or .skz file, received '${path}'`);
  if (at.validation === undefined) {
    output.warn(
      `there are no held-out images: '${at.training.source}' itself is calibrated and measured on (--val names others)`,
    );
  }
  const { distill = given.teacher === undefined ? undefined : Number(WEIGHT) } = given;
  const augment = fittingAugmentation(given.augment, preprocessing.shape);
  const flags = { ...given, augment, ...definedOnly({ distill }) };
  const teacher =
    given.teacher === undefined
      ? { model, preprocessing }
      : await openOtherTeacher(given.teacher, at.training, given, preprocessing, output);
  const { report, plan } = await splitModel({ ...at, path, model, preprocessing, teacher, output }, flags);
  await moveFolder(plan, place, 'plan.json');
  await at.stages.clear();
  output.result(splitJson(report), () => `${describeSplit(report)}\n\nwritten: ${join(given.output, 'plan.json')}`);
}

/** @throws UsageError where two words say how far parts are cut */
function checkMaxDrop({ maxDrop, targetMacs, targetParams, targetLatency }: SplitFlags): void {
  if (maxDrop === undefined) return;
  const targets = { macs: targetMacs, params: targetParams, latency: targetLatency };
  const [other] = Object.entries(targets).find(([, target]) => target !== undefined) ?? [];
  if (other !== undefined)
    throw new UsageError(`--max-drop is in place of targets, received --target-${other} beside it`);
}
