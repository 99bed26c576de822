/**
 * Ctrl-C and its like end a long command in good order: it is told to stop and leaves what it can be gone on from. The
 * second one ends it at once.
 */
import { SkeinError } from '../base/index.ts';

export interface Interruption {
  readonly signal: AbortSignal;
  /** From now on signals do what they do elsewhere. */
  end(): void;
}

export function interruption(): Interruption {
  const stop = new AbortController();
  const interrupt = (): void => (stop.signal.aborted ? process.exit(130) : stop.abort());
  // A terminal that is closed says so more than once: the shell does, and the system.
  const hangUp = (): void => stop.abort();
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  process.on('SIGHUP', hangUp);
  return {
    signal: stop.signal,
    end: () => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      process.off('SIGHUP', hangUp);
    },
  };
}

/** Whether work ended because the signal told it to. */
export function wasStopped(error: unknown, signal: AbortSignal): boolean {
  return error instanceof SkeinError && error.code === 'cancelled' && signal.aborted;
}
