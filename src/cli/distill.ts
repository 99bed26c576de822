/** `skein distill`: a student learns from a teacher's scores, and with --fitnets before that from a value inside it. */
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { Command } from 'commander';
import { SkeinError } from '../base/index.ts';
import type { HintPair, Layer } from '../compress/index.ts';
import type { Model } from '../graph/index.ts';
import { definedOnly, numberBetween, numberList, togetherOrNot, UsageError, wholeNumber } from './command.ts';
import {
  type Compressed,
  type CompressionContext,
  type CompressionFlags,
  compressionCommand,
  type TeacherWords,
  withStudent,
} from './compression.ts';

interface DistillFlags extends CompressionFlags {
  readonly teacher: string;
  readonly teacherMean?: number[];
  readonly teacherStd?: number[];
  readonly temperature: number;
  readonly weight: number;
  readonly fitnets?: true;
  readonly hint?: string;
  readonly guided?: string;
  readonly hintEpochs?: number;
}

export function distillCommand(): Command {
  const command = togetherOrNot(new Command('distill'), 'teacherMean', 'teacherStd')
    .description('train a small model, the student, to answer as a trained one, its teacher')
    .requiredOption('--teacher <model>', 'the file of a model of the same classes')
    .option(
      '--teacher-mean <numbers>',
      "of each channel, in 0 to 1, where the teacher's file does not say it",
      numberList,
    )
    .option('--teacher-std <numbers>', 'of each channel', numberList)
    .option('--temperature <n>', "what both models' scores are divided by", numberBetween(1e-3, 1e3), 4)
    .option(
      '--weight <n>',
      "the teacher's share of the loss; what is left is that of the labels",
      numberBetween(0, 1),
      0.9,
    )
    .option('--fitnets', 'before that, teach the lower half of the student by a value inside the teacher')
    .option('--hint <value>', 'the value of the teacher (default: in the middle, of the size of --guided)')
    .option('--guided <value>', 'the value of the student (default: in the middle, of the size of --hint)')
    .option('--hint-epochs <n>', 'epochs of that (default: a fourth of --epochs)', wholeNumber(1));
  return compressionCommand<DistillFlags>(withStudent(command, { epochs: 10 }), distill, ['.onnx'], TEACHER);
}

const TEACHER: TeacherWords<DistillFlags> = {
  path: ({ teacher }) => teacher,
  overrides: ({ teacherMean: mean, teacherStd: std }) => definedOnly({ mean, std }),
  check: ({ teacher, fitnets, hint, guided, hintEpochs }) => {
    if (extname(teacher) !== '.onnx' && !existsSync(teacher)) {
      throw new UsageError(`--teacher must be a model's file, received '${teacher}'`);
    }
    if (fitnets) return;
    for (const [name, value] of Object.entries({ '--hint': hint, '--guided': guided, '--hint-epochs': hintEpochs })) {
      if (value !== undefined) throw new UsageError(`${name} is of --fitnets, which was not asked for`);
    }
  },
};

async function distill(context: CompressionContext, flags: DistillFlags): Promise<Compressed> {
  const { model, reference: teacher } = context;
  const { temperature, weight } = flags;
  const hinted = flags.fitnets ? await byHint(context, flags) : undefined;
  const made = await context.fineTune('distill', hinted?.model ?? model, {
    lesson: { kind: 'scores', teacher, temperature, weight },
  });
  const told = { teacher: flags.teacher, temperature, weight, ...definedOnly({ fitnets: hinted?.report }) };
  return { model: made, report: told, recipe: told };
}

interface Hinted {
  readonly model: Model;
  readonly report: object;
}

/** Stage 1 of FitNets. */
async function byHint(context: CompressionContext, flags: DistillFlags): Promise<Hinted> {
  const { guidedStudent, withoutRegressor } = await import('../compress/index.ts');
  const { model, reference: teacher, output } = context;
  const pair = await hintPair(teacher.model, model, flags);
  const { hint, guided } = pair;
  output.note(`hint: ${describeLayer(hint)} of the teacher, for ${describeLayer(guided)} of the student`);
  const epochs = flags.hintEpochs ?? Math.max(1, Math.round(flags.epochs / 4));
  const { model: withRegressor, frozen } = guidedStudent(model, pair, flags.seed);
  const taught = await context.fineTune('hint', withRegressor, {
    epochs,
    frozen,
    lesson: { kind: 'hint', teacher, hint: hint.value },
  });
  const report = { hint: hint.value, guided: guided.value, epochs };
  return { model: withoutRegressor(taught, model), report };
}

/** @throws UsageError for a name that is none */
async function hintPair(teacher: Model, student: Model, flags: DistillFlags): Promise<HintPair> {
  const { chooseHint } = await import('../compress/index.ts');
  const { hint, guided } = flags;
  try {
    return chooseHint(teacher, student, definedOnly({ hint, guided }));
  } catch (error) {
    if (error instanceof SkeinError && error.code === 'invalid-argument') throw new UsageError(error.message);
    throw error;
  }
}

function describeLayer({ value, channels, height, width, depth }: Layer): string {
  return `'${value}' (${channels}×${height}×${width}, after ${Math.round(100 * depth)} % of the MACs)`;
}
