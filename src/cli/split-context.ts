/** What the steps of `skein split` work with. */
import { SkeinError } from '../base/index.ts';
import type { Meter, Stages } from '../compress/index.ts';
import type { Dataset, Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { ClassGroup } from '../split/index.ts';
import type { Output } from './command.ts';

export interface SplitContext {
  readonly path: string;
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  readonly training: Dataset;
  readonly validation: Dataset | undefined;
  readonly meter: Meter;
  readonly stages: Stages;
  /** Of the stages; models and plan are written here first. */
  readonly folder: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

export interface SplitPart {
  readonly classes: ClassGroup;
  /** Of its files and stages: 'part-1'. */
  readonly name: string;
  readonly model: Model;
}

/** @throws SkeinError 'cancelled' once the signal has come */
export function stopIf(signal: AbortSignal): void {
  if (signal.aborted) throw new SkeinError('cancelled', 'Stopped before the parts were joined');
}
