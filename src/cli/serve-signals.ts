/**
 * What `skein serve` does when it is told to stop or to reload, from its first moment on. Threads cannot be ended in the
 * middle of loading a model, so a stop before there is a server waits for the one that is being loaded.
 */
import type { Logger } from 'pino';
import { SkeinError } from '../base/index.ts';
import type { RunningServer } from '../serving/index.ts';

const SAME_SIGNAL_MS = 500;

export class ServeSignals {
  readonly #logger: Logger;
  readonly #drainMs: number;
  #server: RunningServer | undefined;
  #stoppingSince: number | undefined;
  #reloadAsked = false;
  readonly #giveUp = new AbortController();
  /** Aborted where the process is told to stop before there is a server. */
  readonly starting: AbortSignal = this.#giveUp.signal;
  #resolve = (): void => {};
  #reject = (_error: unknown): void => {};
  /** Settles once the server has been told to stop and has; fails if requests had to be cut off. */
  readonly stopped = new Promise<void>((resolve, reject) => {
    this.#resolve = resolve;
    this.#reject = reject;
  });

  constructor(logger: Logger, drainMs: number) {
    this.#logger = logger;
    this.#drainMs = drainMs;
    process.on('SIGTERM', (signal) => this.#stop(signal));
    process.on('SIGINT', (signal) => this.#stop(signal));
    process.on('SIGHUP', () => this.#reload());
  }

  /**
   * Takes the server over.
   * @returns undefined where the process was told to stop before there was one; then there is none any more
   */
  async started(starting: Promise<RunningServer>): Promise<RunningServer | undefined> {
    const server = await starting.catch((error: unknown) => {
      if (this.starting.aborted) return undefined;
      throw error;
    });
    if (this.starting.aborted) {
      await server?.close(0);
      return undefined;
    }
    this.#server = server;
    // Models may have changed after they were read.
    if (this.#reloadAsked) this.#reload();
    return server;
  }

  #stop(signal: NodeJS.Signals): void {
    if (this.#stoppingSince !== undefined) {
      // Asked twice: whoever asks does not want to wait. But Ctrl-C comes twice at once where npx passes it on too.
      if (performance.now() - this.#stoppingSince > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    this.#stoppingSince = performance.now();
    if (this.#server === undefined) {
      this.#logger.info({ signal }, 'stopped before it was ready');
      // Whatever fails from now on was made to.
      this.#logger.level = 'silent';
      this.#giveUp.abort();
      return;
    }
    this.#logger.info({ signal }, 'draining');
    this.#server.close(this.#drainMs).then((cutOff) => {
      this.#logger.info({ cutOff }, 'stopped');
      if (cutOff === 0) return this.#resolve();
      const message = `${cutOff} requests were not answered within --drain-timeout and were cut off`;
      this.#reject(new SkeinError('unavailable', message));
    }, this.#reject);
  }

  #reload(): void {
    this.#reloadAsked = true;
    // Failures of models are in the log and in the repository index; the old versions go on serving.
    this.#server?.reload().catch((error: unknown) => this.#logger.error({ err: error }, 'cannot reload'));
  }
}
