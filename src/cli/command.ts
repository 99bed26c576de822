/**
 * The frame of every command: shared options, exit codes (0 done, 1 failed, 2 the words of the call are off), errors as one
 * line, and what goes to which stream: results to standard output, everything else to standard error. Commands import what
 * they work with inside their actions, so that help and usage errors come at once.
 */
import { readFile, realpath } from 'node:fs/promises';
import { type Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { messageOf, SkeinError } from '../base/index.ts';
import type { Dataset } from '../data/index.ts';
import { Progress } from './progress.ts';

/** A command that did its work and found that the answer is no: the message says why. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

/** The words of the call do not fit each other in a way that no single option can know. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface OutputOptions {
  readonly json?: true;
  readonly verbose?: true;
}

export interface ProgressOptions {
  /** Whether Ctrl-C ends the process; true unless told. */
  readonly exitOnInterrupt?: boolean;
  /** What was done before; 0 unless told. */
  readonly from?: number;
}

/** Where a command speaks. */
export interface Output {
  readonly json: boolean;
  /** The result: `object` as JSON where that was asked for, else the lines of `text`. */
  result(object: unknown, text: () => string): void;
  /** Something worth knowing beside the result. */
  note(line: string): void;
  warn(line: string): void;
  /** Shown on a terminal only. */
  progress(label: string, total: number, options?: ProgressOptions): Progress;
}

/** Whatever `work` refuses as an invalid argument are the words of the call. @throws UsageError, and what else it throws */
export async function asUsage<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SkeinError) || error.code !== 'invalid-argument') throw error;
    throw new UsageError(error.message, { cause: error });
  }
}

/** Adds `--json` and `--verbose` and runs `run` with the options and an output. */
export function withAction<Options extends OutputOptions>(
  command: Command,
  run: (output: Output, args: string[], options: Options) => Promise<void>,
): Command {
  return command
    .addOption(new Option('--json', 'print one JSON object on standard output and nothing else there'))
    .addOption(new Option('--verbose', 'show stack traces of errors'))
    .action(async () => {
      const options = command.opts<Options>();
      await run(outputOf(options), [...command.args], options);
    });
}

function outputOf({ json = false }: { json?: boolean }): Output {
  const note = (line: string) => void process.stderr.write(`${line}\n`);
  return {
    json,
    result: (object, text) => void process.stdout.write(json ? `${JSON.stringify(object)}\n` : `${text()}\n`),
    // With --json nobody reads notes; warnings stay.
    note: (line) => void (json || note(line)),
    warn: (line) => note(`warning: ${line}`),
    progress: (label, total, { exitOnInterrupt = true, from = 0 } = {}) =>
      new Progress(label, total, process.stderr, undefined, exitOnInterrupt, from),
  };
}

/** Runs the program on `argv` (without node and script) and gives the exit code. */
export async function runProgram(program: Command, argv: readonly string[]): Promise<number> {
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ outputError: () => {}, writeErr: () => {} });
  }
  try {
    if (argv.length === 0) throw new UsageError('a command is missing');
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    const usage = error instanceof CommanderError || error instanceof UsageError;
    process.stderr.write(`${errorLine(error, argv)}${usage ? `; see ${helpCall(program, argv)}` : ''}\n`);
    if (argv.includes('--verbose') && error instanceof Error && !usage) process.stderr.write(`${describe(error)}\n`);
    return usage ? 2 : 1;
  }
}

function errorLine(error: unknown, argv: readonly string[]): string {
  // Where Commander has no words it would show the whole help.
  if (error instanceof CommanderError && error.code === 'commander.help') {
    return argv[0] === 'help' ? `error: unknown command '${argv[1]}'` : 'error: a command is missing';
  }
  const message = messageOf(error).replace(/^error: /, '');
  return `error: ${message}`;
}

function helpCall(program: Command, argv: readonly string[]): string {
  const command = program.commands.find((candidate) => candidate.name() === argv[0]);
  return [program.name(), ...(command === undefined ? [] : [command.name()]), '--help'].join(' ');
}

/** The stack of the error and of what caused it. */
function describe(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${describe(error.cause)}` : '';
  return `${error.stack}${cause}`;
}

export interface DataOptions {
  readonly data: string;
  readonly split?: string;
  readonly limit?: number;
  readonly seed: number;
}

/** @param seeds what `--seed` decides */
export function withData(command: Command, seeds = 'of the sample, and of drawn images'): Command {
  return command
    .requiredOption(
      '--data <source>',
      "labelled images: a folder [split/]class/*.jpg|png, a .tar or .tar.gz of the same, CIFAR binary files, IDX files, or 'shapes' (drawn; with options shapes:classes=100,light=0.5,noise=0.5,blur=0.5,newclass=0.1,mix=1)",
    )
    .option('--split <name>', 'the part of the data to use, where it has several')
    .option('--limit <n>', 'use a sample of so many images', wholeNumber(1))
    .option('--seed <n>', seeds, wholeNumber(0), 0);
}

export interface EngineFlags {
  readonly workers?: number;
  readonly threads?: number;
}

export function withEngine(command: Command): Command {
  return withThreads(
    command.option('--workers <n>', 'inference threads (default: one a usable core)', wholeNumber(1, MOST_THREADS)),
  );
}

export function withThreads(command: Command): Command {
  return command.option(
    '--threads <n>',
    'threads that one inference computes with (default: 1)',
    wholeNumber(1, MOST_THREADS),
  );
}

export interface ModelOptions {
  readonly labels?: string[];
  readonly mean?: number[];
  readonly std?: number[];
  readonly shape?: number[];
}

/** What an .onnx file does not say of itself; a plan does. */
export function withModelOptions(command: Command): Command {
  return withShape(
    togetherOrNot(command, 'mean', 'std')
      .option('--labels <names>', 'class names in the order of the scores, separated by commas', list)
      .option('--mean <numbers>', 'of each channel, in 0 to 1, separated by commas', numberList)
      .option('--std <numbers>', 'of each channel, above 0, separated by commas', deviations),
  );
}

/** The one without the other would be mixed with what the file or a convention says. @param words of options, as in `opts()` */
export function togetherOrNot(command: Command, ...words: readonly [string, string]): Command {
  const [first, second] = words.map((word) => `--${word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  return command.hook('preAction', () => {
    const [hasFirst, hasSecond] = words.map((word) => command.getOptionValue(word) !== undefined);
    if (hasFirst === hasSecond) return;
    const [given, missing] = hasFirst ? [first, second] : [second, first];
    throw new UsageError(`${given} needs ${missing} beside it, received ${given} alone`);
  });
}

export function withShape(command: Command): Command {
  return command.option('--shape <c,h,w>', 'of the images, where the model leaves it open', numberList);
}

/** A warning; `skipped` is above 0. */
export function skippedLine({ skipped, size, skippedNames }: Dataset): string {
  return `${skipped} of ${size} images cannot be read and were left out: ${skippedNames.join(', ')}`;
}

/** Without the properties that were not given. */
export function definedOnly<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Of a file that an option names. @throws SkeinError 'not-found' */
export function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new SkeinError('not-found', `Cannot read '${file}': ${messageOf(error)}`, { cause: error });
  });
}

/**
 * What a command makes of a file must not take that file's place, nor that of the weights which a model has beside it.
 * @param input a file, or no file at all
 * @param outputs all that is written, whether it is there yet or not
 * @param what the input is
 * @throws UsageError
 */
export async function refuseSameFile(input: string, outputs: readonly string[], what = 'the model'): Promise<void> {
  const place = (file: string) => realpath(file).catch(() => undefined);
  const from = await place(input);
  if (from === undefined) return;
  const taken = new Map<string, string>();
  for (const output of outputs) {
    const to = await place(output);
    if (to === from) throw new UsageError(`--output must be another file than ${what}, received '${output}' for both`);
    if (to !== undefined) taken.set(to, output);
  }
  const { dataFilesOf, isModelFile } = await import('../onnx/index.ts');
  if (taken.size === 0 || !isModelFile(input)) return;
  // What cannot be read is said by what reads it in earnest.
  for (const file of await dataFilesOf(input).catch(() => [])) {
    const output = taken.get(file);
    if (output !== undefined)
      throw new UsageError(`--output must be another file than those of '${input}', received '${output}'`);
  }
}

/** Beyond any machine that this runs on, and short of exhausting one. */
export const MOST_THREADS = 1024;

/** Reads an option that is a whole number from `least` to `most`. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value > most || value < least) {
      const upTo = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`;
      throw new InvalidArgumentError(`Expected a whole number from ${least}${upTo}.`);
    }
    return value;
  };
}

/** Digits as people write them; `Number` takes blanks and other bases, too. */
export const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** Reads an option that is a number from `least` to `most`. */
export function numberBetween(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!DECIMAL.test(text) || !(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Expected a number from ${least} to ${most}.`);
    }
    return value;
  };
}

function list(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

export function numberList(text: string): number[] {
  return list(text).map((part) => {
    const value = Number(part);
    if (!DECIMAL.test(part) || !Number.isFinite(value))
      throw new InvalidArgumentError('Expected numbers separated by commas.');
    return value;
  });
}

function deviations(text: string): number[] {
  const values = numberList(text);
  if (values.every((value) => value > 0)) return values;
  throw new InvalidArgumentError('Expected numbers above 0 separated by commas.');
}
