/** One run of `skein train`: its files, and what it says. */
import { appendFile, writeFile } from 'node:fs/promises';
import { messageOf, SkeinError, writeError } from '../base/index.ts';
import type { Checkpoint, EpochReport, Score, Trainer, TrainerOptions } from '../train/index.ts';
import { atChance, CHANCE_STEPS } from './at-chance.ts';
import { CommandFailure, definedOnly, type Output } from './command.ts';
import { interruption } from './interruption.ts';
import { numberOf, percent } from './table.ts';
import type { TrainFlags } from './train-options.ts';
import type { TrainSource } from './train-source.ts';

export interface TrainFiles {
  readonly model: string;
  /** The last epoch's, with --keep both. */
  readonly last: string;
  readonly checkpoint: string;
  readonly log: string;
}

/** What a run writes beside the model. @param model ends in .onnx */
export function filesOf(model: string): TrainFiles {
  const name = model.slice(0, -'.onnx'.length);
  return { model, last: `${name}.last.onnx`, checkpoint: `${name}.checkpoint`, log: `${name}.log.jsonl` };
}

export class TrainRun {
  readonly #trainer: Trainer;
  readonly #source: TrainSource;
  readonly #options: TrainerOptions;
  readonly #flags: TrainFlags;
  readonly #output: Output;
  readonly #files: TrainFiles;
  readonly #keep: 'best' | 'last' | 'both';
  readonly #reports: EpochReport[] = [];
  #judged = false;
  /** What was trained, as the call names it. */
  #name = '';
  /** Whether the checkpoint's file is of this run. */
  #saved = false;

  constructor(trainer: Trainer, options: TrainerOptions, source: TrainSource, flags: TrainFlags, output: Output) {
    this.#trainer = trainer;
    this.#options = options;
    this.#source = source;
    this.#flags = flags;
    this.#output = output;
    this.#files = filesOf(flags.output);
    this.#keep = flags.keep ?? (options.validation === undefined ? 'last' : 'best');
  }

  /**
   * Loads the models, and what an earlier call left where that is asked for.
   * @param name what is trained, as the call has it
   * @param normalizedBy where mean and std come from, for people
   */
  async begin(name: string, normalizedBy: string): Promise<void> {
    this.#name = name;
    const { resume, epochs } = this.#flags;
    const { checkpoint, warnings = [] } = resume ? await this.#readCheckpoint() : {};
    await this.#trainer.open(checkpoint);
    // Of a checkpoint that is refused nothing else is worth knowing.
    for (const warning of warnings) this.#output.warn(warning);
    this.#saved = checkpoint !== undefined;
    const { epoch, batch } = this.#trainer.progress;
    const from = checkpoint === undefined ? '' : `, going on in epoch ${epoch + 1} at batch ${batch + 1}`;
    const { training, preprocessing, rate } = this.#options;
    const { parameters, stepsPerEpoch, threads } = this.#trainer;
    const { mean, std } = preprocessing;
    this.#output.note(
      `${name}: ${parameters} parameters to train on ${numberOf(training.size, 'image')} of ${training.source}, mean ${mean.join()} and std ${std.join()} (${normalizedBy}), ${numberOf(epochs, 'epoch')} of ${numberOf(stepsPerEpoch, 'step')} at a rate up to ${rate}, ${numberOf(threads, 'thread')}${from}`,
    );
  }

  async #readCheckpoint(): Promise<{ checkpoint: Checkpoint; warnings: string[] }> {
    const { readCheckpoint } = await import('../train/index.ts');
    const { epochs, schedule } = this.#flags;
    const checkpoint = await readCheckpoint(this.#files.checkpoint);
    const warnings: string[] = [];
    if (checkpoint.epochs !== epochs && schedule !== 'constant') {
      warnings.push(
        `the run was begun with ${checkpoint.epochs} epochs and now has ${epochs}: from here on the rates are those of --schedule ${schedule} over ${epochs}`,
      );
    }
    const { best, ...progress } = checkpoint.progress;
    if (best === undefined || this.#keep === 'last' || (await this.#holdsBest())) return { checkpoint, warnings };
    warnings.push(
      `'${this.#files.model}' does not hold the best epoch so far, ${best.epoch}: kept is the best from here on`,
    );
    return { checkpoint: { ...checkpoint, progress }, warnings };
  }

  /** Whether the model is there and was written for being the best. */
  async #holdsBest(): Promise<boolean> {
    const { readModel } = await import('../onnx/index.ts');
    const model = await readModel(this.#files.model).catch(() => undefined);
    try {
      return JSON.parse(model?.metadata.get('trained') ?? '{}').keep === 'best';
    } catch {
      return false;
    }
  }

  async go(): Promise<void> {
    if (this.#trainer.progress.epoch === this.#flags.epochs) return this.#nothingLeft();
    const stop = interruption();
    if (!this.#saved) await writing(this.#files.log, () => writeFile(this.#files.log, ''));
    const from = this.#trainer.progress.step;
    const progress = this.#output.progress('step', this.#trainer.steps, { exitOnInterrupt: false, from });
    try {
      const done = await this.#trainer.run({
        signal: stop.signal,
        onStep: ({ step, score, epoch, imagesPerSecond }) => {
          const words = [`epoch ${epoch}`, `loss ${lossOf(score)}`, percent(score.accuracy)];
          progress.update(step, [...words, `${Math.round(imagesPerSecond)} images/s`].join(', '));
        },
        onEpoch: async (report) => {
          progress.clear();
          await this.#ended(report);
        },
        checkpointEveryMs: 60_000 * this.#flags.checkpointEvery,
        onCheckpoint: (checkpoint) =>
          this.#saveCheckpoint(checkpoint).catch((error: unknown) => {
            // The old one is whole, and there may be room by the next time.
            progress.clear();
            this.#output.warn(`${messageOf(error)}; the training goes on without this checkpoint`);
          }),
      });
      progress.end();
      if (!done) await this.#interrupted();
      else this.#finished();
    } catch (error) {
      if (!(error instanceof SkeinError) || !this.#saved) throw error;
      const hint = `the last good checkpoint is '${this.#files.checkpoint}'`;
      throw new SkeinError(error.code, `${error.message}; ${hint}`, { cause: error });
    } finally {
      progress.end();
      stop.end();
    }
  }

  async #ended(report: EpochReport): Promise<void> {
    this.#reports.push(report);
    const checkpoint = await this.#trainer.checkpoint();
    // The model first: where something comes between, resuming repeats the epoch and nothing is lost.
    await this.#saveModels(checkpoint, report.best);
    await this.#saveCheckpoint(checkpoint);
    const { epoch, epochs, training, validation, rate, imagesPerSecond, seconds } = report;
    await writing(this.#files.log, () =>
      appendFile(this.#files.log, `${JSON.stringify({ ...report, at: new Date().toISOString() })}\n`),
    );
    const held =
      validation === undefined ? '' : `, held out: loss ${lossOf(validation)} ${percent(validation.accuracy, 2)}`;
    const best = report.best && validation !== undefined ? ' (best)' : '';
    this.#output.note(
      `epoch ${epoch}/${epochs}: loss ${lossOf(training)} ${percent(training.accuracy, 2)}${held}${best}, rate ${rate.toPrecision(3)}, ${Math.round(imagesPerSecond)} images/s, ${seconds.toFixed(1)} s`,
    );
    this.#judge(report);
  }

  /** Once, after the first epoch that tells. */
  #judge(report: EpochReport): void {
    const { loss, rate, training } = this.#options;
    const { step } = this.#trainer.progress;
    if (this.#judged || loss !== 'cross-entropy') return;
    const hint = atChance({ report, step, classes: training.classNames.length, rate });
    if (hint !== undefined) this.#output.warn(hint);
    this.#judged = step >= CHANCE_STEPS;
  }

  async #saveModels(checkpoint: Checkpoint, isBest: boolean): Promise<void> {
    if (this.#keep !== 'last' && isBest) await this.#saveModel(this.#files.model, checkpoint, 'best');
    if (this.#keep !== 'best') await this.#saveModel(this.#lastModel(), checkpoint, 'last');
  }

  #lastModel(): string {
    return this.#keep === 'both' ? this.#files.last : this.#files.model;
  }

  async #saveCheckpoint(checkpoint: Checkpoint): Promise<void> {
    const { writeCheckpoint } = await import('../train/index.ts');
    await writing(this.#files.checkpoint, () => writeCheckpoint(this.#files.checkpoint, checkpoint));
    this.#saved = true;
  }

  async #saveModel(path: string, checkpoint: Checkpoint, keep: 'best' | 'last'): Promise<void> {
    const { withDescription } = await import('../data/index.ts');
    const { writeModel } = await import('../onnx/index.ts');
    const { labels, preprocessing } = this.#source;
    const trained = { ...this.#recipe(checkpoint), keep };
    const model = withDescription(this.#trainer.modelOf(checkpoint), { labels, preprocessing, trained });
    await writing(path, () => writeModel(model, path));
  }

  /** How the weights came about. */
  #recipe({ progress: { epoch } }: Checkpoint): object {
    const {
      output: _output,
      json: _json,
      verbose: _verbose,
      resume: _resume,
      checkpointEvery: _every,
      keep: _keep,
      // Those of the optimizer stand for them.
      momentum: _momentum,
      nesterov: _nesterov,
      labels: _labels,
      // That of the options is what was done.
      augment: _augment,
      mean: _mean,
      std: _std,
      ...words
    } = this.#flags;
    const { training, rate, optimizer, augmentation } = this.#options;
    const by = { by: 'skein train', model: this.#name, epoch, images: training.size };
    // With what stands for words that were not given.
    return {
      ...by,
      ...words,
      augment: augmentation,
      rate,
      threads: this.#trainer.threads,
      ...optimizer,
      kind: undefined,
    };
  }

  async #interrupted(): Promise<void> {
    await this.#saveCheckpoint(await this.#trainer.checkpoint());
    const { step, epoch } = this.#trainer.progress;
    throw new CommandFailure(
      `stopped in epoch ${epoch + 1} after step ${step} of ${this.#trainer.steps}: repeat the call with --resume to go on from '${this.#files.checkpoint}'`,
    );
  }

  /** The checkpoint is of a run that was finished, with as many epochs. */
  async #nothingLeft(): Promise<void> {
    this.#output.note(`all ${this.#flags.epochs} epochs are done: more --epochs train on`);
    await this.#saveModels(await this.#trainer.checkpoint(), false);
    this.#finished();
  }

  #finished(): void {
    const last = this.#reports.at(-1);
    const { best } = this.#trainer.progress;
    const files = { output: this.#files.model, ...(this.#keep === 'both' && { outputLast: this.#files.last }) };
    const report = { ...files, parameters: this.#trainer.parameters, kept: this.#keep, ...definedOnly({ best, last }) };
    this.#output.result(report, () => {
      const lines: string[] = [];
      if (this.#keep !== 'last' && best !== undefined) {
        const right = `${percent(best.accuracy, 2)} of the held-out images`;
        lines.push(`${this.#files.model}: the weights of epoch ${best.epoch}, ${right}`);
      }
      if (this.#keep !== 'best') lines.push(`${this.#lastModel()}: the weights of the last epoch`);
      return lines.join('\n');
    });
  }
}

/** Three places, and no more digits than tell something of one that is far off. */
function lossOf({ loss }: Score): string {
  return Math.abs(loss) < 1e6 ? loss.toFixed(3) : loss.toPrecision(4);
}

/** A full disk says so in a line. */
async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw writeError(path, error);
  }
}
