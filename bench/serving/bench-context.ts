/** What every section has at hand: the material, the load generator's process, and how long to measure. */
import type { LoadOptions, LoadResult, Payload } from '../../src/cli/load/index.ts';
import type { PrepareCall, RunCall } from '../processes/load-process.ts';
import type { Row } from '../report/table.ts';
import { Child, type RunningServer, startServer } from './child.ts';
import { type Material, SKEIN, servedName } from './material.ts';
import type { BenchOptions } from './options.ts';

export type Section = (context: BenchContext) => Promise<Row[]>;

export interface Requests {
  readonly protocol: PrepareCall['protocol'];
  readonly payload: Payload;
  /** Images sent, over and over; all unless told. */
  readonly limit?: number;
}

/** Prepared requests to one server. */
export interface Load {
  /** How many requests there are before they repeat. */
  readonly size: number;
  /** Closed loop over so many connections for one measurement's length. */
  saturate(connections: number): Promise<LoadResult>;
  run(options: RunCall['options']): Promise<LoadResult>;
}

export class BenchContext {
  readonly options: BenchOptions;
  readonly material: Material;
  readonly #load = new Child('../processes/load-process.js');
  readonly log: (line: string) => void;
  #prepared = 0;
  #cascade: Promise<string> | undefined;

  constructor(options: BenchOptions, material: Material, log: (line: string) => void) {
    this.options = options;
    this.material = material;
    this.log = log;
  }

  /** The plan of the cascade, paired once. */
  cascade(): Promise<string> {
    this.#cascade ??= this.material.pair();
    return this.#cascade;
  }

  /** Serves a model or plan as a user would, on free ports. */
  async serve(file: string, ...flags: string[]): Promise<RunningServer & { readonly model: string }> {
    const args = ['serve', file, '--port', '0', '--grpc-port', '0', ...flags];
    return { ...(await startServer(SKEIN, args)), model: servedName(file) };
  }

  async load(
    server: { url: string; grpcUrl?: string | undefined; model: string },
    { protocol, payload, limit }: Requests,
  ): Promise<Load> {
    const { preprocessing, classes, data } = this.material;
    const name = `requests ${this.#prepared++}`;
    const { model } = server;
    const url = protocol === 'grpc' ? server.grpcUrl : server.url;
    if (url === undefined) throw new Error(`The server of '${model}' told no gRPC address`);
    const prepare: PrepareCall = {
      name,
      url,
      protocol,
      model,
      payload,
      data,
      limit: limit ?? null,
      preprocessing,
      classes,
    };
    const size = await this.#load.call<number>('prepare', prepare);
    const run = (options: Omit<LoadOptions, 'onProgress' | 'signal'>) =>
      this.#load.call<LoadResult>('run', { name, options } satisfies RunCall);
    return {
      size,
      run,
      saturate: async (connections) => {
        const durationMs = this.options.seconds * 1000;
        const result = await run({ connections, durationMs, warmupMs: Math.min(1000, durationMs / 2) });
        if (result.failed > 0)
          this.log(`  ${result.failed} of ${result.sent} failed: ${JSON.stringify(result.errors)}`);
        return result;
      },
    };
  }

  close(): Promise<void> {
    return this.#load.close();
  }
}

/** Runs `use` and closes the server whatever happens. */
export async function withServer<S extends { close(): Promise<void> }, T>(
  server: Promise<S>,
  use: (server: S) => Promise<T>,
): Promise<T> {
  const running = await server;
  try {
    return await use(running);
  } finally {
    await running.close();
  }
}
