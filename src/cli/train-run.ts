/** One run of `skein train`: its files, and what it says. */
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { SkeinError, writeError } from '../base/index.ts';
import type { Dataset } from '../data/index.ts';
import type { Checkpoint, EpochReport, Trainer } from '../train/index.ts';
import { CommandFailure, definedOnly, type Output } from './command.ts';
import { percent } from './table.ts';
import type { TrainFlags } from './train-options.ts';
import type { TrainSource } from './train-source.ts';

export interface TrainFiles {
  readonly model: string;
  readonly checkpoint: string;
  readonly log: string;
}

/** What a run writes beside the model. @param model ends in .onnx */
export function filesOf(model: string): TrainFiles {
  const name = model.slice(0, -'.onnx'.length);
  return { model, checkpoint: `${name}.checkpoint`, log: `${name}.log.jsonl` };
}

export class TrainRun {
  readonly #trainer: Trainer;
  readonly #source: TrainSource;
  readonly #training: Dataset;
  readonly #flags: TrainFlags;
  readonly #output: Output;
  readonly #files: TrainFiles;
  readonly #reports: EpochReport[] = [];
  /** What was trained, as the call names it. */
  #name = '';
  /** Whether the checkpoint's file is of this run. */
  #saved = false;

  constructor(trainer: Trainer, source: TrainSource, training: Dataset, flags: TrainFlags, output: Output) {
    this.#trainer = trainer;
    this.#source = source;
    this.#training = training;
    this.#flags = flags;
    this.#output = output;
    const { output: model } = flags;
    this.#files = filesOf(model);
  }

  /** Loads the models, and what an earlier call left where that is asked for. */
  async begin(name: string): Promise<void> {
    this.#name = name;
    const { resume, epochs } = this.#flags;
    const { readCheckpoint } = await import('../train/index.ts');
    const checkpoint = resume ? await readCheckpoint(this.#files.checkpoint) : undefined;
    await this.#trainer.open(checkpoint);
    this.#saved = checkpoint !== undefined;
    if (checkpoint === undefined) await writing(this.#files.log, () => writeFile(this.#files.log, ''));
    const { epoch, batch } = this.#trainer.progress;
    const from = checkpoint === undefined ? '' : `, going on in epoch ${epoch + 1} at batch ${batch + 1}`;
    const { size, source } = this.#training;
    this.#output.note(
      `${name}: ${this.#trainer.parameters} parameters to train on ${size} images of ${source}, ${epochs} epochs of ${this.#trainer.stepsPerEpoch} steps, ${this.#trainer.threads} threads${from}`,
    );
  }

  async go(): Promise<void> {
    const stop = new AbortController();
    const interrupt = (): void => (stop.signal.aborted ? process.exit(130) : stop.abort());
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
    const from = this.#trainer.progress.step;
    const progress = this.#output.progress('step', this.#trainer.steps, { exitOnInterrupt: false, from });
    try {
      const done = await this.#trainer.run({
        signal: stop.signal,
        onStep: ({ step, score, epoch, imagesPerSecond }) => {
          const words = [`epoch ${epoch}`, `loss ${score.loss.toFixed(3)}`, percent(score.accuracy)];
          progress.update(step, [...words, `${Math.round(imagesPerSecond)} images/s`].join(', '));
        },
        onEpoch: async (report) => {
          progress.clear();
          await this.#ended(report);
        },
      });
      progress.end();
      if (!done) await this.#interrupted();
      else await this.#finished();
    } catch (error) {
      const { DivergenceError } = await import('../train/index.ts');
      if (!(error instanceof DivergenceError) || !this.#saved) throw error;
      const hint = `the last good checkpoint is '${this.#files.checkpoint}'`;
      throw new SkeinError(error.code, `${error.message}; ${hint}`, { cause: error });
    } finally {
      progress.end();
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    }
  }

  async #ended(report: EpochReport): Promise<void> {
    this.#reports.push(report);
    const checkpoint = await this.#trainer.checkpoint();
    // The model first: where something comes between, resuming repeats the epoch and nothing is lost.
    if (this.#isKept(report)) await this.#saveModel(checkpoint, report.epoch);
    await this.#saveCheckpoint(checkpoint);
    const { epoch, epochs, training, validation, rate, imagesPerSecond, seconds } = report;
    await writing(this.#files.log, () =>
      appendFile(this.#files.log, `${JSON.stringify({ ...report, at: new Date().toISOString() })}\n`),
    );
    const held =
      validation === undefined
        ? ''
        : `, held out: loss ${validation.loss.toFixed(3)} ${percent(validation.accuracy, 2)}`;
    const best = report.best && validation !== undefined ? ' (best)' : '';
    this.#output.note(
      `epoch ${epoch}/${epochs}: loss ${training.loss.toFixed(3)} ${percent(training.accuracy, 2)}${held}${best}, rate ${rate.toPrecision(3)}, ${Math.round(imagesPerSecond)} images/s, ${seconds.toFixed(1)} s`,
    );
  }

  #isKept(report: EpochReport): boolean {
    const keep = this.#flags.keep ?? (report.validation === undefined ? 'last' : 'best');
    return keep === 'last' || report.best;
  }

  async #saveCheckpoint(checkpoint: Checkpoint): Promise<void> {
    const { writeCheckpoint } = await import('../train/index.ts');
    await writing(this.#files.checkpoint, () => writeCheckpoint(this.#files.checkpoint, checkpoint));
    this.#saved = true;
  }

  async #saveModel(checkpoint: Checkpoint, epoch: number): Promise<void> {
    const { writeModel } = await import('../onnx/index.ts');
    const { labels, preprocessing } = this.#source;
    const model = this.#trainer.modelOf(checkpoint);
    const metadata = new Map(model.metadata);
    metadata.set('labels', JSON.stringify(labels));
    metadata.set('mean', JSON.stringify(preprocessing.mean));
    metadata.set('std', JSON.stringify(preprocessing.std));
    metadata.set('trained', JSON.stringify(this.#recipe(epoch)));
    await writing(this.#files.model, () => writeModel({ ...model, metadata }, this.#files.model));
  }

  /** How the weights came about. */
  #recipe(epoch: number): object {
    const {
      output: _output,
      json: _json,
      verbose: _verbose,
      resume: _resume,
      labels: _labels,
      mean: _mean,
      std: _std,
      ...words
    } = this.#flags;
    return { by: 'skein train', model: this.#name, epoch, images: this.#training.size, ...words };
  }

  async #interrupted(): Promise<void> {
    await this.#saveCheckpoint(await this.#trainer.checkpoint());
    const { step, epoch } = this.#trainer.progress;
    throw new CommandFailure(
      `stopped in epoch ${epoch + 1} after step ${step} of ${this.#trainer.steps}: repeat the call with --resume to go on from '${this.#files.checkpoint}'`,
    );
  }

  async #finished(): Promise<void> {
    const last = this.#reports.at(-1);
    const { best } = this.#trainer.progress;
    const kept = this.#flags.keep ?? (best === undefined ? 'last' : 'best');
    await rm(this.#files.checkpoint, { force: true });
    const report = {
      output: this.#files.model,
      parameters: this.#trainer.parameters,
      kept,
      ...definedOnly({ best, last }),
    };
    this.#output.result(report, () => {
      const of =
        kept === 'best' && best !== undefined
          ? `epoch ${best.epoch}, ${percent(best.accuracy, 2)} of the held-out images`
          : 'the last epoch';
      return `${this.#files.model}: the weights of ${of}`;
    });
  }
}

/** A full disk says so in a line. */
async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw writeError(path, error);
  }
}
