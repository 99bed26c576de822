/** What the steps of `skein split` work with. */
import { SkeinError } from '../base/index.ts';
import type { Teacher } from '../compress/index.ts';
import type { Preprocessing } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { ClassGroup } from '../split/index.ts';
import type { Output } from './command.ts';
import type { Workplace } from './in-steps.ts';

/** Models and plan are written into the folder of the steps first. */
export interface SplitContext extends Workplace {
  readonly path: string;
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  /** Whom `--distill` asks, of all classes. */
  readonly teacher: Teacher;
  readonly output: Output;
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
