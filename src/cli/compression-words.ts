/** The words that all commands which make a smaller model have in common. */
import { type Command, Option } from 'commander';
import type { Augmentation } from '../data/index.ts';
import { readAugmentation, USUAL, USUAL_WORDS } from './augmentation.ts';
import {
  type DataOptions,
  MOST_THREADS,
  type ModelOptions,
  numberBetween,
  type OutputOptions,
  wholeNumber,
  withData,
  withModelOptions,
} from './command.ts';

/** What `withTrainingWords` and `--epochs` say. */
export interface TrainingFlags extends DataOptions, ModelOptions, OutputOptions {
  readonly output: string;
  readonly val?: string;
  readonly epochs: number;
  readonly batch: number;
  readonly rate: number;
  readonly weightDecay: number;
  readonly augment: Augmentation;
  readonly augmentThreads: number;
  readonly threads?: number;
  readonly resume?: true;
}

export interface CompressionFlags extends TrainingFlags {
  /** The share of the teacher in the loss of fine-tuning. */
  readonly distill?: number;
  /** The file of another teacher than the original model. */
  readonly teacher?: string;
}

export interface CompressionDefaults {
  /** Of fine-tuning. */
  readonly epochs: number;
  readonly rate?: number;
}

/** Of its share in the loss, where the call does not say it. */
export const WEIGHT = '0.9';
/** The highest learning rate of weights that have learnt something, or nothing yet. */
export const RATES = { trained: 0.01, fresh: 0.1 };

/** The words that every compression has. @param command with its name, description and own words */
export function withCompression(command: Command, { epochs, rate = RATES.trained }: CompressionDefaults): Command {
  command.argument('<model>', 'an .onnx or .skz file');
  return withTraining(command, 'the highest learning rate, falling as a cosine', rate)
    .option('--epochs <n>', 'of fine-tuning; 0 for none', wholeNumber(0), epochs)
    .addOption(
      new Option('--distill [weight]', 'fine-tune with the model itself as teacher, and this share of it in the loss')
        .argParser(numberBetween(0, 1))
        .preset(WEIGHT),
    )
    .option('--teacher <model>', `fine-tune with this model as teacher (with --distill ${WEIGHT} unless told)`);
}

/** The words of one that trains a student. @param command with its name, description and own words */
export function withStudent(command: Command, { epochs }: Pick<CompressionDefaults, 'epochs'>): Command {
  command.argument('<student>', 'an .onnx file, or the name of an architecture: resnet8, vgg11:width=0.5, …');
  const rates = `(default: ${RATES.trained}; ${RATES.fresh} for an architecture)`;
  return withTraining(command, `the highest learning rate, falling as a cosine ${rates}`).option(
    '--epochs <n>',
    'of training',
    wholeNumber(1),
    epochs,
  );
}

function withTraining(command: Command, rateWords: string, rate?: number): Command {
  command.requiredOption(
    '-o, --output <file>',
    'the file to write; while it is made, a folder of its steps lies beside it',
  );
  return withTrainingWords(command, rateWords, rate);
}

/** The words of every command that trains something on the way; `--output` and `--epochs` are its own. */
export function withTrainingWords(command: Command, rateWords: string, rate?: number): Command {
  withData(command)
    .option('--val <source>', "held-out images to choose and measure by (default: the split 'val' of --data)")
    .option('--batch <n>', 'images in a step of training', wholeNumber(1), 128)
    .option('--rate <n>', rateWords, numberBetween(1e-12, 1e6), rate)
    .option('--weight-decay <n>', 'of weights, not of norms and biases', numberBetween(0, 1e6), 5e-4)
    .addOption(
      new Option('--augment <words>', 'crop=4,flip,cutout=8,autoaugment,brightness=0.2, … or none')
        .argParser(readAugmentation)
        .default(USUAL, USUAL_WORDS),
    )
    .option('--augment-threads <n>', 'threads that vary images', wholeNumber(1, MOST_THREADS), 1)
    .option(
      '--threads <n>',
      'threads that fine-tuning computes with (default: the usable cores)',
      wholeNumber(1, MOST_THREADS),
    )
    .option('--resume', 'go on with what an interrupted call left beside --output, with the same words');
  return withModelOptions(command);
}
