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
  /** Images in a step. */
  readonly batch: number;
}

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
  static async start({ program, args, batch }: StepCommand): Promise<StepProcess> {
    const child = dieTogether(spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] }));
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

  /** Images a second over at least so many seconds and one step. */
  async rate(seconds: number): Promise<number> {
    this.#child.stdin.write(`${seconds}\n`);
    const report = await nextOf<StepsReport>(this.#answers);
    if (!Number.isFinite(report.loss)) throw new Error(`${this.name} does not train: its loss is ${report.loss}`);
    return (report.steps * this.batch) / report.seconds;
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
