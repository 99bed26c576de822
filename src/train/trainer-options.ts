/** What a trainer is told, and what it tells while it runs. */
import type { Augmentation, Dataset, Preprocessing, Sampler } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { Device } from '../runtime/index.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ImageFeed } from './image-feeds.ts';
import type { ScheduleKind } from './schedule.ts';
import type { StepOptions } from './step-model.ts';

export interface TrainerOptions extends StepOptions {
  readonly model: Model;
  readonly training: Dataset;
  /** What the best epoch is chosen by. */
  readonly validation?: Dataset;
  readonly preprocessing: Preprocessing;
  readonly epochs: number;
  /** Images in a step. */
  readonly batch: number;
  /** The highest learning rate. */
  readonly rate: number;
  readonly schedule: ScheduleKind;
  /** Epochs, or parts of one, over which the rate grows to its highest. */
  readonly warmupEpochs?: number;
  readonly milestones?: readonly number[];
  readonly gamma?: number;
  readonly augmentation?: Augmentation;
  /** Inputs that `writeLoss` has added to the step, with what each image has of them. */
  readonly imageFeeds?: readonly ImageFeed[];
  /** Which images an epoch has; every one once unless told. */
  readonly sampler?: Sampler;
  readonly seed?: number;
  /** Threads that a step computes with; the usable cores unless told. */
  readonly threads?: number;
  readonly device?: Device;
  /** Threads that vary images; 1 unless told. */
  readonly augmentThreads?: number;
}

export interface Score {
  /**
   * Mean over the images. In training with class weights: the mean of each batch is weighted by them, and this is the mean of
   * the batches' by their images.
   */
  readonly loss: number;
  /** Fraction of 1. */
  readonly accuracy: number;
  readonly images: number;
}

export interface StepReport {
  /** From 1, as the epochs. */
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly rate: number;
  /** Over the epoch so far. */
  readonly score: Score;
  /** Since the epoch was begun or gone on with. */
  readonly imagesPerSecond: number;
}

export interface EpochReport {
  readonly epoch: number;
  readonly epochs: number;
  readonly rate: number;
  readonly training: Score;
  readonly validation?: Score;
  readonly imagesPerSecond: number;
  readonly seconds: number;
  /**
   * Whether it did better on the validation images than each epoch before, by accuracy, and where that is equal by loss; true
   * where there are none.
   */
  readonly best: boolean;
}

export interface RunHooks {
  readonly onStep?: (report: StepReport) => void;
  /** Awaited before the next epoch begins. */
  readonly onEpoch?: (report: EpochReport) => Promise<void> | void;
  /**
   * Gets a checkpoint inside an epoch, whenever so many milliseconds have passed, and behind one whose held-out images cannot
   * be read; awaited before the next step.
   */
  readonly onCheckpoint?: (checkpoint: Checkpoint) => Promise<void> | void;
  /** 0 unless told: after every step. */
  readonly checkpointEveryMs?: number;
  /** Stops after the step that is under way. */
  readonly signal?: AbortSignal;
}
