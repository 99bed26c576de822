/** One line on a terminal that says how far long work has come and how long it still takes; silent elsewhere. */

const CLEAR = '\r\x1b[2K';
const REDRAW_MS = 100;
/** Before this the rate says little. */
const ESTIMATE_AFTER_MS = 1000;

export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export class Progress {
  readonly #label: string;
  readonly #total: number;
  readonly #terminal: Terminal;
  readonly #now: () => number;
  readonly #start: number;
  /** What was done before this began. */
  readonly #from: number;
  #drawnAt = Number.NEGATIVE_INFINITY;

  /**
   * @param exitOnInterrupt whether Ctrl-C ends the process; not where the command itself stops in good order
   * @param from how many of the total were done before: the time left is judged without them
   */
  constructor(
    label: string,
    total: number,
    terminal: Terminal,
    now: () => number = () => performance.now(),
    exitOnInterrupt = true,
    from = 0,
  ) {
    this.#label = label;
    this.#total = total;
    this.#terminal = terminal;
    this.#now = now;
    this.#start = now();
    this.#from = from;
    if (terminal.isTTY === true && exitOnInterrupt) process.once('SIGINT', this.#interrupted);
  }

  /** Says that `done` of the total are done, and more where there is more to say. */
  readonly update = (done: number, more?: string): void => {
    const now = this.#now();
    if (this.#terminal.isTTY !== true || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    const elapsed = now - this.#start;
    const each = elapsed / (done - this.#from);
    const left =
      elapsed > ESTIMATE_AFTER_MS && done > this.#from ? `, ${duration(each * (this.#total - done))} left` : '';
    const words = more === undefined ? '' : `, ${more}`;
    this.#terminal.write(`${CLEAR}${this.#label} ${done}/${this.#total}${words}${left}`);
  };

  /** Takes the line away until the next update, for something else to be written. */
  clear(): void {
    if (this.#terminal.isTTY === true) this.#terminal.write(CLEAR);
  }

  /** Takes the line away. */
  end(): void {
    process.off('SIGINT', this.#interrupted);
    this.clear();
  }

  // Ctrl-C leaves no half line behind; 130 is the shell's code for it.
  readonly #interrupted = (): void => {
    this.end();
    process.exit(130);
  };
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
