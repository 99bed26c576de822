/** The words after `npm run bench:distillation --`. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { givenOrShared, positive } from '../report/words.ts';

/** What is distilled into what, and how long. */
export interface Experiment {
  /** Words of `--data` for training, and of where the models are compared. */
  readonly training: readonly string[];
  /** Of where the rate of each kind is chosen. */
  readonly validation: readonly string[];
  readonly test: readonly string[];
  /** An .onnx file, or an architecture to be trained for so many epochs. */
  readonly teacher: string | { readonly architecture: string; readonly epochs: number };
  readonly student: string;
  readonly epochs: number;
  /** Of those, with FitNets, for the hint. */
  readonly hintEpochs: number;
  /** Learning rates to choose from: a teacher's loss is steeper than that of the labels, and one rate would suit one of them. */
  readonly rates: readonly number[];
  /** Other words of every training. */
  readonly recipe: readonly string[];
}

export interface DistillationOptions {
  readonly experiment: Experiment;
  readonly seeds: number;
  readonly threads: number;
  readonly folder: string;
}

export const DISTILLATION_USAGE = `npm run bench:distillation -- [options]: a student with and without a teacher, same epochs, same seeds, each
with the learning rate that is best for it on held-out images. Called again, it goes on where it was stopped.
  --cifar             ResNet-8 from ResNet-56 on CIFAR-10-JPEG; takes hours (shapes:classes=100, some minutes)
  --data <folder>     of --cifar, with train.tar, val.tar and test.tar (data/cifar10-jpeg of $SKEIN_SHARED)
  --teacher <file>    of --cifar (models/resnet56.onnx of $SKEIN_SHARED)
  --seeds <n>         trainings of each kind (3)
  --threads <n>       of a training (2)
  --folder <folder>   where models are kept (skein-distillation in the system's folder for temporary files)`;

const HUNDRED = 'shapes:classes=100';

/** 1.8 million MACs learn from 12.2 million. */
const SHAPES: Experiment = {
  training: ['--data', HUNDRED],
  validation: ['--data', HUNDRED, '--split', 'val'],
  test: ['--data', HUNDRED, '--split', 'test'],
  teacher: { architecture: 'resnet8', epochs: 12 },
  student: 'resnet8:width=0.375',
  epochs: 10,
  hintEpochs: 2,
  rates: [0.1, 0.3, 0.9],
  recipe: ['--batch', '64', '--augment', 'none'],
};

/** 12.2 million MACs learn from 125 million. */
function cifar(data: string, teacher: string): Experiment {
  return {
    training: ['--data', join(data, 'train.tar'), '--val', join(data, 'val.tar')],
    validation: ['--data', join(data, 'val.tar')],
    test: ['--data', join(data, 'test.tar')],
    teacher,
    student: 'resnet8',
    epochs: 10,
    hintEpochs: 2,
    rates: [0.1, 0.3, 0.9],
    recipe: ['--batch', '128', '--augment', 'crop=4,flip'],
  };
}

/** @throws Error with one line that says what is off */
export function readDistillationOptions(args: readonly string[]): DistillationOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      cifar: { type: 'boolean' },
      data: text,
      teacher: text,
      seeds: text,
      threads: text,
      folder: text,
    },
  });
  if (values.help) return 'help';
  return {
    experiment: values.cifar
      ? cifar(
          givenOrShared('data', values.data, 'data', 'cifar10-jpeg'),
          givenOrShared('teacher', values.teacher, 'models', 'resnet56.onnx'),
        )
      : SHAPES,
    seeds: positive('seeds', values.seeds, 3),
    threads: positive('threads', values.threads, 2),
    folder: join(values.folder ?? join(tmpdir(), 'skein-distillation'), values.cifar ? 'cifar' : 'shapes'),
  };
}
