/** The words of `skein train`. */
import { Command, Option } from 'commander';
import type { Loss } from '../autodiff/index.ts';
import type { Augmentation } from '../data/index.ts';
import type { Device } from '../runtime/index.ts';
import type { ScheduleKind } from '../train/index.ts';
import { readAugmentation, USUAL, USUAL_WORDS } from './augmentation.ts';
import { LOSSES, SCHEDULES } from './choices.ts';
import {
  type DataOptions,
  MOST_THREADS,
  type ModelOptions,
  numberBetween,
  numberList,
  type OutputOptions,
  wholeNumber,
  withData,
  withModelOptions,
} from './command.ts';

export interface TrainFlags extends DataOptions, ModelOptions, OutputOptions {
  readonly output: string;
  readonly val?: string;
  readonly epochs: number;
  readonly batch: number;
  readonly rate?: number;
  readonly schedule: ScheduleKind;
  readonly warmup: number;
  readonly milestones?: number[];
  readonly gamma?: number;
  readonly optimizer: 'sgd' | 'adamw';
  readonly momentum?: number;
  readonly nesterov: boolean;
  readonly weightDecay?: number;
  readonly loss: Loss;
  readonly labelSmoothing?: number;
  readonly classWeights?: number[] | 'balanced';
  readonly sampler: 'shuffled' | 'balanced';
  readonly clip?: number;
  readonly ema?: number;
  readonly freeze?: string[];
  readonly augment: Augmentation;
  readonly augmentThreads: number;
  readonly keep?: 'best' | 'last' | 'both';
  /** Minutes. */
  readonly checkpointEvery: number;
  readonly resume?: true;
  readonly threads?: number;
  readonly device: Device;
}

const ANY = Number.MAX_VALUE;

export function trainWords(): Command {
  const command = new Command('train')
    .description('train or fine-tune a model')
    .argument(
      '<model>',
      'an .onnx or .skz file to fine-tune, or the name of an architecture: resnet20, vgg19:width=0.5, …',
    )
    .requiredOption('-o, --output <file>', 'the .onnx file to write; beside it a log, and a checkpoint to go on from');
  withData(command, 'of the sample, drawn images, fresh weights, order and variation of the images, and dropout')
    .option('--val <source>', "held-out images that the best epoch is chosen by (default: the split 'val' of --data)")
    .option('--epochs <n>', 'times that every image is seen', wholeNumber(1), 10)
    .option('--batch <n>', 'images in a step', wholeNumber(1), 128)
    .option(
      '--rate <n>',
      'the highest learning rate (default: sgd 0.1, less for networks that normalise nothing, adamw 0.001; for an .onnx file sgd 0.01, adamw 0.0001)',
      numberBetween(1e-12, 1e6),
    )
    .addOption(new Option('--schedule <kind>', 'how the rate falls').choices(SCHEDULES).default('cosine'))
    .option('--warmup <epochs>', 'epochs over which the rate grows to its highest', numberBetween(0, ANY), 0)
    .option(
      '--milestones <shares>',
      'of step: after which shares of the training it falls (default: 0.5,0.75)',
      numberList,
    )
    .option('--gamma <n>', 'of step: what is left of the rate (default: 0.1)', numberBetween(0, 1))
    .addOption(new Option('--optimizer <kind>').choices(['sgd', 'adamw']).default('sgd'))
    .option('--momentum <n>', 'of sgd (default: 0.9)', numberBetween(0, 0.999999))
    .option('--no-nesterov', "of sgd: without Nesterov's look ahead")
    .option(
      '--weight-decay <n>',
      'of weights, not of norms and biases (default: sgd 0.0005, adamw 0.01)',
      numberBetween(0, 1e6),
    )
    .addOption(new Option('--loss <loss>').choices(LOSSES).default('cross-entropy'))
    .option('--label-smoothing <n>', 'share of the target spread over all classes', numberBetween(0, 0.999999))
    .option('--class-weights <numbers>', "a factor a class, separated by commas, or 'balanced'", classWeights)
    .addOption(
      new Option('--sampler <kind>', 'which images an epoch has: each once, or every class equally often')
        .choices(['shuffled', 'balanced'])
        .default('shuffled'),
    )
    .option('--clip <norm>', 'the gradient is shortened to this length', numberBetween(1e-12, ANY))
    .option(
      '--ema <decay>',
      'average the weights over the steps with this decay, 0.999 say; at step n at most (1 + n) / (10 + n)',
      numberBetween(0, 0.99999999),
    )
    .option(
      '--freeze <names>',
      'initializers that stay, * stands for any letters: layer1.*,conv1.weight; with its running statistics, batch normalisation uses those',
      names,
    )
    .addOption(
      new Option(
        '--augment <words>',
        'crop=4,flip,cutout=8,autoaugment,brightness=0.2,contrast=…,saturation=…,hue=…, or none',
      )
        .argParser(readAugmentation)
        .default(USUAL, USUAL_WORDS),
    )
    .option('--augment-threads <n>', 'threads that vary images', wholeNumber(1, MOST_THREADS), 1)
    .addOption(
      new Option(
        '--keep <which>',
        'the epoch whose weights are written; both: the best to --output, the last to <output>.last.onnx (default: best, where there are held-out images, else last)',
      ).choices(['best', 'last', 'both']),
    )
    .option(
      '--checkpoint-every <minutes>',
      'how often the state is saved inside an epoch; it always is at the end of one',
      numberBetween(0, ANY),
      5,
    )
    .option(
      '--resume',
      'go on from the checkpoint beside --output, with the same words; more --epochs make a run longer, a finished one too',
    )
    .option(
      '--threads <n>',
      'threads that a step computes with (default: the usable cores)',
      wholeNumber(1, MOST_THREADS),
    )
    .addOption(
      new Option('--device <name>', 'where ONNX Runtime computes').choices(['cpu', 'webgpu', 'cuda']).default('cpu'),
    );
  return withModelOptions(command);
}

function names(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

function classWeights(text: string): number[] | 'balanced' {
  return text === 'balanced' ? text : numberList(text);
}
