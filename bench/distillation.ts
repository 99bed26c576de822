/**
 * `npm run bench:distillation`: what a teacher is worth to a student. Each seed trains the student alone, by the teacher's
 * scores, and by a hint and then the scores (FitNets), all for the same number of epochs in all. Each kind has the learning
 * rate that did best on the validation images with the first seed; the test images are looked at once, at the end.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mean, messageOf } from '../src/base/index.ts';
import { DISTILLATION_USAGE, type DistillationOptions, readDistillationOptions } from './distillation/options.ts';
import { inRepository, runProgram } from './processes/run-program.ts';
import { describeMachine, machineLine } from './report/machine.ts';

const SKEIN = inRepository('dist/src/cli/main.js');

type Log = (line: string) => void;

try {
  const options = readDistillationOptions(process.argv.slice(2));
  if (options === 'help') console.log(DISTILLATION_USAGE);
  else await compare(options);
  process.exit();
} catch (error) {
  console.error(`bench: ${messageOf(error)}`);
  process.exit(1);
}

async function compare(options: DistillationOptions): Promise<void> {
  const { experiment, folder } = options;
  await mkdir(folder, { recursive: true });
  const log: Log = (line) => {
    process.stderr.write(`${line}\n`);
    appendFileSync(join(folder, 'distillation.log'), `${line}\n`);
  };
  const { teacher: given, student, epochs, hintEpochs } = experiment;
  let teacher = typeof given === 'string' ? given : join(folder, 'teacher.onnx');
  if (typeof given !== 'string') {
    const words = ['train', given.architecture, '--epochs', String(given.epochs), '--rate', '0.1'];
    teacher = await made(options, teacher, 0, words, log);
  }
  const taught = ['distill', student, '--teacher', teacher];
  const kinds: readonly [string, readonly string[]][] = [
    ['alone', ['train', student, '--epochs', String(epochs)]],
    ['from scores', [...taught, '--epochs', String(epochs)]],
    [
      'from a hint, then scores',
      [...taught, '--fitnets', '--hint-epochs', String(hintEpochs), '--epochs', String(epochs - hintEpochs)],
    ],
  ];
  const files = new Map<string, string[]>();
  for (const [kind, words] of kinds) files.set(kind, await trained(options, kind, words, log));
  const of = await measured(teacher, experiment.test);
  const lines = [row('teacher', [of.top1], of)];
  let alone: readonly number[] | undefined;
  for (const [kind, models] of files) {
    const all: Measured[] = [];
    for (const model of models) all.push(await measured(model, experiment.test));
    const accuracies = all.map(({ top1 }) => top1);
    lines.push(row(`${student} ${kind}`, accuracies, all[0] as Measured, alone));
    alone ??= accuracies;
  }
  const header = `top-1 on ${experiment.test[1]}: the mean, then each seed; ${epochs} epochs of training in all`;
  console.log(`# ${machineLine(describeMachine())}\n# ${header}\n\n${lines.join('\n')}`);
}

/** The models of all seeds, at the rate that is best for the first. */
async function trained(
  options: DistillationOptions,
  kind: string,
  words: readonly string[],
  log: Log,
): Promise<string[]> {
  const { experiment, seeds, folder } = options;
  const train = (seed: number, rate: number): Promise<string> => {
    const file = join(folder, `${kind.replace(/\W+/g, '-')}-${rate}-${seed}.onnx`);
    return made(options, file, seed, [...words, '--rate', String(rate)], log);
  };
  const first: { rate: number; file: string; top1: number }[] = [];
  for (const rate of experiment.rates) {
    const file = await train(0, rate);
    first.push({ rate, file, top1: (await measured(file, experiment.validation)).top1 });
  }
  const best = first.reduce((a, b) => (b.top1 > a.top1 ? b : a));
  log(
    `${kind}: rate ${best.rate}, of ${first.map(({ rate, top1 }) => `${rate}: ${(100 * top1).toFixed(2)} %`).join(', ')}`,
  );
  const files = [best.file];
  for (let seed = 1; seed < seeds; seed++) files.push(await train(seed, best.rate));
  return files;
}

/** Runs a training unless its model is there; goes on with one that was stopped. */
async function made(
  { experiment, threads }: DistillationOptions,
  file: string,
  seed: number,
  words: readonly string[],
  log: Log,
): Promise<string> {
  const half = [`${file}.steps`, file.replace(/\.onnx$/, '.checkpoint')].some((path) => existsSync(path));
  if (existsSync(file) && !half) return file;
  log(`${file} …`);
  const same = [...experiment.training, ...experiment.recipe, '--threads', String(threads), '--seed', String(seed)];
  const call = [SKEIN, ...words, ...same, '-o', file, ...(half ? ['--resume'] : [])];
  await runProgram(process.execPath, call, (line) => log(`  ${line}`));
  return file;
}

interface Measured {
  /** Fraction of 1. */
  readonly top1: number;
  /** An image. */
  readonly macs: number;
}

async function measured(model: string, data: readonly string[]): Promise<Measured> {
  const output = await runProgram(process.execPath, [SKEIN, 'evaluate', model, ...data, '--json']);
  return JSON.parse(output) as Measured;
}

/** @param alone of the students that no teacher taught, seed by seed */
function row(what: string, accuracies: readonly number[], { macs }: Measured, alone?: readonly number[]): string {
  const percent = (share: number): string => (100 * share).toFixed(2);
  const gain = alone === undefined ? undefined : mean(accuracies) - mean(alone);
  const cells = [
    what.padEnd(48),
    `${(macs / 1e6).toFixed(1)} M MACs`.padStart(12),
    `${percent(mean(accuracies))} %`.padStart(9),
    `(${accuracies.map(percent).join(', ')})`.padEnd(24),
    gain === undefined ? '' : `${gain > 0 ? '+' : ''}${percent(gain)} points`,
  ];
  return cells.join('  ').trimEnd();
}
