/** The words after `npm run bench:parity --`. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { givenOrShared, positive } from '../report/words.ts';

export const EXPERIMENTS = ['fine-tune', 'resnet8', 'resnet20'] as const;

export type ExperimentName = (typeof EXPERIMENTS)[number];

export interface ParityOptions {
  readonly only: readonly ExperimentName[];
  /** Of the trainings from scratch. */
  readonly epochs: number;
  /** Each training is repeated with so many seeds. */
  readonly seeds: number;
  readonly threads: number;
  /** Has train.tar, val.tar and test.tar. */
  readonly data: string;
  /** What is fine-tuned. */
  readonly model: string;
  /** Where weights and logs lie; what is there already is not trained again. */
  readonly folder: string;
  /** The interpreter that has PyTorch. */
  readonly python: string | undefined;
  readonly markdown: string | undefined;
}

export const PARITY_USAGE = `npm run bench:parity -- [options]: what training reaches, beside the same recipe in PyTorch. Takes an hour or more;
called again, it goes on where it was stopped.
  --only <names>      some of ${EXPERIMENTS.join(',')}
  --epochs <n>        of the trainings from scratch (5)
  --seeds <n>         trainings of each kind (1)
  --threads <n>       of both sides (2)
  --data <folder>     with train.tar, val.tar and test.tar (data/cifar10-jpeg of $SKEIN_SHARED)
  --model <file>      what is fine-tuned (models/resnet20.onnx of $SKEIN_SHARED)
  --folder <folder>   where weights and logs are kept (skein-parity in the system's folder for temporary files)
  --python <program>  the interpreter that has PyTorch, NumPy and Pillow ($SKEIN_BENCH_PYTHON)
  --markdown <file>   the table as Markdown, too`;

/** @throws Error with one line that says what is off */
export function readParityOptions(args: readonly string[]): ParityOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      only: text,
      epochs: text,
      seeds: text,
      threads: text,
      data: text,
      model: text,
      folder: text,
      python: text,
      markdown: text,
    },
  });
  if (values.help) return 'help';
  const only = values.only?.split(',') ?? [...EXPERIMENTS];
  const unknown = only.find((name) => !EXPERIMENTS.includes(name as ExperimentName));
  if (unknown !== undefined)
    throw new Error(`--only: expected some of ${EXPERIMENTS.join(', ')}, received '${unknown}'`);
  return {
    only: only as ExperimentName[],
    epochs: positive('epochs', values.epochs, 5),
    seeds: positive('seeds', values.seeds, 1),
    threads: positive('threads', values.threads, 2),
    data: givenOrShared('data', values.data, 'data', 'cifar10-jpeg'),
    model: givenOrShared('model', values.model, 'models', 'resnet20.onnx'),
    folder: values.folder ?? join(tmpdir(), 'skein-parity'),
    python: values.python ?? process.env.SKEIN_BENCH_PYTHON,
    markdown: values.markdown,
  };
}
