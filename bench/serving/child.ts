/** Child processes that answer calls, and servers that print `ready`; all of them die with this process. */
import { type ChildProcess, fork, type StdioOptions, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Reply } from '../processes/answer-calls.ts';

const children = new Set<ChildProcess>();
const killAll = () => {
  for (const child of children) child.kill('SIGKILL');
};
process.on('exit', killAll);
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
] as const) {
  process.on(signal, () => process.exit(128 + number));
}

/** A process of any kind that shall die with this one. */
export function dieTogether<P extends ChildProcess>(child: P): P {
  children.add(child);
  child.on('exit', () => children.delete(child));
  return child;
}

const STDIO: StdioOptions = ['ignore', 'ignore', 'inherit', 'ipc'];

/** A script of ../processes. */
export class Child {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #next = 0;

  /** @param script relative to this file */
  constructor(script: string) {
    this.#process = fork(fileURLToPath(new URL(script, import.meta.url)), { stdio: STDIO, serialization: 'advanced' });
    children.add(this.#process);
    this.#process.on('message', ({ id, result, error }: Reply) => {
      const call = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(error));
    });
    this.#process.on('exit', (code) => {
      children.delete(this.#process);
      for (const { reject } of this.#waiting.values()) reject(new Error(`${script} ended with code ${code}`));
    });
  }

  call<Result>(name: string, argument: unknown): Promise<Result> {
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#process.send({ id, name, argument });
    });
  }

  async close(): Promise<void> {
    await end(this.#process);
  }
}

export interface RunningServer {
  readonly url: string;
  readonly grpcUrl: string | undefined;
  /** Resident and peak resident memory in MB. */
  memory(): Promise<{ now: number; peak: number }>;
  close(): Promise<void>;
}

/** Starts a script that prints `ready http://… [grpc://…]`. @param script relative to this file */
export async function startServer(script: string, args: readonly string[]): Promise<RunningServer> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  const ready = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      if (line.startsWith('ready ')) resolve(line);
    });
    child.on('exit', (code) => {
      children.delete(child);
      reject(new Error(`${script} ${args.join(' ')} ended with code ${code}: ${complaint}`));
    });
  });
  const url = /http:\/\/\S+/.exec(ready)?.[0];
  if (url === undefined) throw new Error(`${script} printed '${ready}' without an address`);
  return {
    url,
    grpcUrl: /grpc:\/\/\S+/.exec(ready)?.[0],
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      const megabytes = (key: string) => Number(new RegExp(`${key}:\\s+(\\d+)`).exec(status)?.[1] ?? Number.NaN) / 1024;
      return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
    },
    close: () => end(child),
  };
}

/** Runs a script to its end and gives what it printed. @throws Error if it fails */
export async function runScript(script: string, args: readonly string[]): Promise<string> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let output = '';
  let complaint = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  children.delete(child);
  if (code !== 0) throw new Error(`${script} ${args.join(' ')} ended with code ${code}: ${complaint.slice(-500)}`);
  return output;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(timer);
}
