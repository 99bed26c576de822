/** A process that trains for as long as it is told (../processes/answer-seconds.ts says what it says and hears). */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { StepsReport } from '../processes/answer-seconds.ts';
import { dieTogether } from '../serving/child.ts';

export interface StepCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the environment, where it does not say so itself. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Images in a step. */
  readonly batch: number;
}

/** Images a second. */
export interface Rate {
  readonly perSecond: number;
  /** Of the time that its threads ran: neighbours hardly change it, waiting in a loop for another thread does. */
  readonly perProcessorSecond: number;
}

/** Of /proc/<pid>/stat, counted from the third field (proc(5)). */
const USER_TICKS = 11;
const TICKS_PER_SECOND = 100;

type Piped = ChildProcessByStdio<Writable, Readable, Readable>;

export class StepProcess {
  readonly name: string;
  readonly batch: number;
  readonly #child: Piped;
  readonly #answers: Answers;

  private constructor(name: string, batch: number, child: Piped, answers: Answers) {
    this.name = name;
    this.batch = batch;
    this.#child = child;
    this.#answers = answers;
  }

  /** @throws Error that says why the program cannot train */
  static async start({ program, args, environment, batch }: StepCommand): Promise<StepProcess> {
    const env = { ...environment, ...process.env };
    const child = dieTogether(spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env }));
    let missing: string | undefined;
    let last = '';
    child.on('error', ({ message }) => {
      missing = message;
    });
    // It may be gone before it is asked.
    child.stdin.on('error', () => {});
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (line.includes('Error')) last = line.trim();
    });
    const answers = {
      lines: createInterface({ input: child.stdout })[Symbol.asyncIterator](),
      complaint: () => missing ?? (last || 'it ended without a word'),
    };
    const { name } = await nextOf<{ name: string }>(answers);
    return new StepProcess(name, batch, child, answers);
  }

  /** Trains for at least so many seconds and one step. */
  async rate(seconds: number): Promise<Rate> {
    const before = await this.#processorSeconds();
    this.#child.stdin.write(`${seconds}\n`);
    const report = await nextOf<StepsReport>(this.#answers);
    if (!Number.isFinite(report.loss)) throw new Error(`${this.name} does not train: its loss is ${report.loss}`);
    const images = report.steps * this.batch;
    const processorSeconds = (await this.#processorSeconds()) - before;
    return { perSecond: images / report.seconds, perProcessorSecond: images / processorSeconds };
  }

  /** Of all threads; not a number where the system does not tell. */
  async #processorSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.#child.pid}/stat`, 'utf8').catch(() => '');
    // The name before it may hold anything, brackets too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system] = [fields[USER_TICKS], fields[USER_TICKS + 1]].map(Number);
    return ((user ?? Number.NaN) + (system ?? Number.NaN)) / TICKS_PER_SECOND;
  }

  /** The most memory that the process has had, in MB; not a number where the system does not tell. */
  async peakMemory(): Promise<number> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8').catch(() => '');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

interface Answers {
  readonly lines: AsyncIterator<string>;
  readonly complaint: () => string;
}

/** The next line of JSON; libraries greet with other lines. */
async function nextOf<T>({ lines, complaint }: Answers): Promise<T> {
  for (;;) {
    const { done, value } = await lines.next();
    if (done) throw new Error(complaint());
    if (value.startsWith('{')) return JSON.parse(value) as T;
  }
}
