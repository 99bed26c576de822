/**
 * Both sides of the comparison of accuracies: `skein train` and bench/peers/pytorch_train.py, called with the same recipe.
 * Training that was finished is not done again, and a training that was stopped goes on from its checkpoint.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readModel } from '../../src/onnx/index.ts';
import { inRepository, runProgram } from '../processes/run-program.ts';
import type { ParityOptions } from './parity-options.ts';

const SKEIN = inRepository('dist/src/cli/main.js');
const PYTORCH = inRepository('bench/peers/pytorch_train.py');
const BATCH = '128';

/** One training. */
export interface Training {
  /** Of its files. */
  readonly name: string;
  readonly weights: string;
  /** Fraction of 1 on an archive of images. */
  accuracy(data: string): Promise<number>;
  run(log: (line: string) => void): Promise<void>;
}

interface Recipe {
  readonly name: string;
  /** What `skein train` trains. */
  readonly model: string;
  readonly epochs: number;
  readonly rate: number;
  readonly seed: number;
}

/** With cosine, Nesterov momentum 0.9, weight decay 5e-4, crop and flip. */
export function skeinTraining(options: ParityOptions, { name, model, epochs, rate, seed }: Recipe): Training {
  const { folder, data, threads } = options;
  const weights = join(folder, `${name}-skein-${seed}.onnx`);
  const checkpoint = join(folder, `${name}-skein-${seed}.checkpoint`);
  const recipe = ['--schedule', 'cosine', '--weight-decay', '5e-4', '--augment', 'crop=4,flip', '--keep', 'last'];
  const words = {
    data: join(data, 'train.tar'),
    val: join(data, 'val.tar'),
    epochs,
    rate,
    seed,
    threads,
    batch: BATCH,
    output: weights,
  };
  return {
    name: `${name}, Skein, seed ${seed}`,
    weights,
    run: async (log) => {
      if ((await epochsOf(weights)) >= epochs) return;
      const resume = existsSync(checkpoint) ? ['--resume'] : [];
      await runProgram(process.execPath, [SKEIN, 'train', model, ...flags(words), ...recipe, ...resume], log);
    },
    accuracy: (images) => skeinAccuracy(weights, images),
  };
}

/** After how many epochs `skein train` wrote a model, as its metadata say; 0 for a file that is not there or says nothing. */
export async function epochsOf(file: string): Promise<number> {
  const model = await readModel(file).catch(() => undefined);
  return Number(JSON.parse(model?.metadata.get('trained') ?? '{}').epoch ?? 0);
}

/** Fraction of 1. */
export async function skeinAccuracy(model: string, images: string): Promise<number> {
  const output = await runProgram(process.execPath, [SKEIN, 'evaluate', model, '--data', images, '--json']);
  return (JSON.parse(output) as { top1: number }).top1;
}

export function pytorchTraining(
  options: ParityOptions,
  python: string,
  { name, epochs, rate, seed, depth }: Omit<Recipe, 'model'> & { depth: number },
): Training {
  const { folder, data, threads } = options;
  const output = join(folder, `${name}-pytorch-${seed}.pt`);
  const call = (what: string, words: Record<string, string | number>, log?: (line: string) => void) =>
    runProgram(python, [PYTORCH, what, ...flags({ depth, output, threads, batch: BATCH, ...words })], log);
  return {
    name: `${name}, PyTorch, seed ${seed}`,
    weights: output,
    run: async (log) => {
      // Its weights are written before the end, its checkpoint is deleted behind it.
      if (existsSync(output) && !existsSync(`${output}.checkpoint`)) return;
      await call('train', { data: join(data, 'train.tar'), val: join(data, 'val.tar'), epochs, rate, seed }, log);
    },
    accuracy: async (images) => (JSON.parse(await call('evaluate', { data: images })) as { accuracy: number }).accuracy,
  };
}

function flags(words: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(words).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
