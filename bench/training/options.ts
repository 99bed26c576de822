/** The words after `npm run bench:training --`. */
import { parseArgs } from 'node:util';
import { positive } from '../report/words.ts';

export interface TrainingOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Images in a step. */
  readonly batch: number;
  /** Of Skein and PyTorch. */
  readonly threads: number;
  /** The interpreter that has PyTorch. */
  readonly python: string | undefined;
  /** A folder in which TensorFlow.js and jax-js are installed. */
  readonly peers: string | undefined;
  readonly json: boolean;
  readonly markdown: string | undefined;
}

export const TRAINING_USAGE = `npm run bench:training -- [options]
  --quick             short runs, for a first look
  --rounds <n>        how often each comparison is repeated (5, quick 2)
  --seconds <s>       length of one measurement (6, quick 2)
  --batch <n>         images in a step (128)
  --threads <n>       of Skein and of PyTorch (2)
  --python <program>  an interpreter that has PyTorch ($SKEIN_BENCH_PYTHON)
  --peers <folder>    where @tensorflow/tfjs, @tensorflow/tfjs-backend-wasm and @jax-js/jax are installed
                      ($SKEIN_BENCH_PEERS)
  --json              one JSON object on standard output
  --markdown <file>   the table as Markdown, too`;

/** @throws Error with one line that says what is off */
export function readTrainingOptions(args: readonly string[]): TrainingOptions | 'help' {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { ...flag, short: 'h' },
      quick: flag,
      rounds: text,
      seconds: text,
      batch: text,
      threads: text,
      python: text,
      peers: text,
      json: flag,
      markdown: text,
    },
  });
  if (values.help) return 'help';
  const quick = values.quick ?? false;
  return {
    rounds: positive('rounds', values.rounds, quick ? 2 : 5),
    seconds: positive('seconds', values.seconds, quick ? 2 : 6),
    batch: positive('batch', values.batch, 128),
    threads: positive('threads', values.threads, 2),
    python: values.python ?? process.env.SKEIN_BENCH_PYTHON,
    peers: values.peers ?? process.env.SKEIN_BENCH_PEERS,
    json: values.json ?? false,
    markdown: values.markdown,
  };
}
