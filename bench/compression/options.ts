/** The words after `npm run bench:compression --`. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { givenOrShared, positive } from '../report/words.ts';

export interface CompressionOptions {
  /** Only chains of these models. */
  readonly only: readonly string[] | undefined;
  /** Has train.tar, val.tar and test.tar. */
  readonly data: string;
  /** The folder of the models that are compressed. */
  readonly models: string;
  /** Images of training, to try it out; all unless told. */
  readonly limit: number | undefined;
  /** Where what is made is kept. */
  readonly folder: string;
  readonly rounds: number;
  /** What the accuracy is measured on. */
  readonly split: 'test' | 'val';
  readonly markdown: string | undefined;
  readonly picture: string | undefined;
}

export const COMPRESSION_USAGE = `npm run bench:compression -- [options]: every compression of the models, side by side, each against the model after
the same budget of training. Takes hours on two cores; called again, it goes on where it was stopped.
  --only <models>     some of resnet20,resnet56,vgg19
  --data <folder>     with train.tar, val.tar and test.tar (data/cifar10-jpeg of $SKEIN_SHARED)
  --models <folder>   (models of $SKEIN_SHARED)
  --limit <n>         images of training, to try it out
  --folder <folder>   where models and logs are kept (skein-compression in the system's folder for temporary files)
  --rounds <n>        of measuring latencies (9)
  --split <name>      test, or val while recipes are still being chosen (test)
  --markdown <file>   the table as Markdown, too
  --picture <file>    latency against accuracy, as SVG`;

/** @throws Error with one line that says what is off */
export function readCompressionOptions(args: readonly string[]): CompressionOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', short: 'h' },
      only: text,
      data: text,
      models: text,
      limit: text,
      folder: text,
      rounds: text,
      split: text,
      markdown: text,
      picture: text,
    },
  });
  if (values.help) return 'help';
  const { split = 'test' } = values;
  if (split !== 'test' && split !== 'val') throw new Error(`--split: expected test or val, received '${split}'`);
  return {
    only: values.only?.split(','),
    data: givenOrShared('data', values.data, 'data', 'cifar10-jpeg'),
    models: givenOrShared('models', values.models, 'models'),
    limit: values.limit === undefined ? undefined : positive('limit', values.limit, 1),
    folder: values.folder ?? join(tmpdir(), 'skein-compression'),
    rounds: positive('rounds', values.rounds, 9),
    split,
    markdown: values.markdown,
    picture: values.picture,
  };
}
