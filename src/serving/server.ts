/**
 * Puts the parts of the server together, on one engine: `skein serve` is this and a command line. The thread that accepts
 * requests only moves them about; models and decoders have threads of their own.
 */
import { type Logger, pino } from 'pino';
import { type Clock, SkeinError, skeinVersion, systemClock, systemTimer, type Timer } from '../base/index.ts';
import { DecodePool } from '../data/index.ts';
import type { Plan, SourceOverrides } from '../plan/index.ts';
import { Engine, usableCores } from '../runtime/index.ts';
import { BodyBudget } from './body-budget.ts';
import { DecodeQueue } from './decode-queue.ts';
import { DeployedModel } from './deployed-model.ts';
import { Dispatcher } from './dispatcher.ts';
import { createGrpcServer } from './grpc/index.ts';
import { createHttpServer } from './http/index.ts';
import { ServerMetrics } from './metrics.ts';
import { ModelServer } from './model-server.ts';
import { planOpener } from './plan-opener.ts';
import { Registry, type RegistryEvent } from './registry.ts';
import { openRepository } from './repository.ts';

export interface ServerOptions {
  /** An .onnx file, a plan.json, or a folder of models. */
  readonly path: string;
  /** What .onnx files do not say of themselves; nothing is known of it unless told. */
  readonly overrides?: SourceOverrides;
  /** Reads a file in another way than `openServable` with these overrides. */
  readonly openPlan?: (file: string) => Promise<Plan>;
  /** Gives up before the next model is loaded, if it is aborted before the server is ready. */
  readonly signal?: AbortSignal;
  /** Of the server, as its metadata says it; that of Skein unless told. */
  readonly version?: string;
  /** Warnings and errors on standard error, a JSON object a line, unless told. */
  readonly logger?: Logger;
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** 0 picks a free one; undefined: no gRPC. */
  readonly grpcPort?: number;
  readonly workers?: number;
  /** Threads of one session. */
  readonly threads?: number;
  /** Half of the usable cores unless told. */
  readonly decodeThreads?: number;
  /** Milliseconds within which a batch and those before it on its worker should be done, 99 times of 100; 250 unless told. */
  readonly sloMs?: number;
  /** Rows of a batch at most; 32 unless told. How many pay is found out. */
  readonly maxBatch?: number;
  /** Rows that may wait before one model; 1024 unless told. */
  readonly queueRows?: number;
  /** Answers without the parts of a `parallel` node that take longer than so many milliseconds; waits for all unless told. */
  readonly stragglerMs?: number;
  readonly versions?: 'latest' | 'all';
  /** Looks for new and changed models every so many seconds. */
  readonly pollSeconds?: number;
  readonly modelControl?: boolean;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly token?: string;
  readonly bodyLimitBytes?: number;
  readonly clock?: Clock;
  /** What measures `stragglerMs`. */
  readonly timer?: Timer;
}

export interface RunningServer {
  readonly httpUrl: string;
  /** host:port */
  readonly grpcAddress: string | undefined;
  readonly models: readonly string[];
  /** What could not be loaded at the start. */
  readonly failures: readonly SkeinError[];
  /** Loads every model anew, beside what serves. */
  reload(): Promise<readonly SkeinError[]>;
  /** Accepts nothing more, answers what was accepted, and ends. @returns requests cut off after `graceMs` */
  close(graceMs: number): Promise<number>;
  /** Ends one inference thread as a crash would; for tests of what happens then. */
  killWorker(index: number): Promise<void>;
}

const DEFAULT_SLO_MS = 250;
const DEFAULT_MAX_BATCH = 32;
const DEFAULT_QUEUE_ROWS = 1024;
const DEFAULT_BODY_BYTES = 64 * 2 ** 20;

/**
 * Loads what there is at `path` and serves it.
 * @throws SkeinError if nothing there can be loaded, or a port is taken
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', bodyLimitBytes = DEFAULT_BODY_BYTES, stragglerMs, timer = systemTimer } = options;
  const logger = options.logger ?? pino({ level: 'warn' }, pino.destination(2));
  const opener = options.openPlan ?? planOpener(logger, options.overrides);
  const openPlan = (file: string): Promise<Plan> => {
    if (!ready) options.signal?.throwIfAborted();
    return opener(file);
  };
  let ready = false;
  const clock = options.clock ?? systemClock;
  const repository = await openRepository(options.path, async (file) => (await openPlan(file)).name);
  const metrics = new ServerMetrics(() => [...registry.deployments()].map((deployment) => deployment.reading()));
  const died = (pool: string) => (reason: string) => {
    metrics.workerDied(pool);
    logger.error({ pool, reason }, 'a worker thread died and is replaced');
  };
  const engine = new Engine({
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    onWorkerDeath: died('inference'),
  });
  const decoder = new DecodePool({
    threads: options.decodeThreads ?? Math.max(1, Math.floor(usableCores() / 2)),
    onDeath: died('decode'),
  });
  const dispatcher = new Dispatcher(engine);
  const images = new DecodeQueue(decoder, clock);
  const limits = {
    sloMs: options.sloMs ?? DEFAULT_SLO_MS,
    maxBatch: options.maxBatch ?? DEFAULT_MAX_BATCH,
    queueRows: options.queueRows ?? DEFAULT_QUEUE_ROWS,
  };
  const registry: Registry<DeployedModel> = new Registry({
    repository,
    versions: options.versions ?? 'latest',
    onEvent: (event) => logEvent(logger, event),
    open: async (name, { version, path }) =>
      DeployedModel.open(name, version, await openPlan(path), {
        engine,
        dispatcher,
        images,
        clock,
        limits,
        metrics,
        ...(stragglerMs === undefined ? {} : { straggler: { afterMs: stragglerMs, timer } }),
      }),
  });
  const stopThreads = async () => {
    await Promise.all([engine.close(), decoder.close()]);
  };
  const closers: ((graceMs: number) => Promise<number>)[] = [];
  try {
    const failures = await registry.loadAll();
    if (registry.deployments().next().done) {
      throw failures[0] ?? new SkeinError('not-found', `Cannot serve '${options.path}': there is no model`);
    }
    const plane = new ModelServer({
      registry,
      buffers: engine.buffers,
      metrics,
      clock,
      maxRowBytes: bodyLimitBytes,
      version: options.version ?? skeinVersion(),
      workers: engine.workers,
    });
    const shared = {
      host,
      bodyLimitBytes,
      bodyBudget: BodyBudget.forBodiesOf(bodyLimitBytes),
      logger,
      modelControl: options.modelControl ?? false,
      ...(options.tls === undefined ? {} : { tls: options.tls }),
      ...(options.token === undefined ? {} : { token: options.token }),
    };
    const http = await createHttpServer(plane, { ...shared, port: options.port });
    closers.push((graceMs) => http.close(graceMs));
    let grpcAddress: string | undefined;
    if (options.grpcPort !== undefined) {
      const grpc = await createGrpcServer(plane, { ...shared, port: options.grpcPort });
      closers.push((graceMs) => grpc.close(graceMs));
      grpcAddress = `${host.includes(':') ? `[${host}]` : host}:${grpc.port}`;
    }
    plane.markStarted();
    ready = true;
    if (options.pollSeconds !== undefined) registry.pollEvery(options.pollSeconds);
    return {
      httpUrl: http.url,
      grpcAddress,
      models: [...registry.deployments()].map(({ name }) => name),
      failures,
      reload: () => registry.loadAll(),
      killWorker: (index) => engine.killWorker(index),
      close: async (graceMs) => {
        plane.markDraining();
        const cutOff = await Promise.all(closers.map((close) => close(graceMs)));
        // Nobody waits for what is still being computed for those that were cut off.
        const retired = registry.close();
        if (cutOff.every((count) => count === 0)) await retired;
        await stopThreads();
        return cutOff.reduce((sum, count) => sum + count, 0);
      },
    };
  } catch (error) {
    await Promise.all(closers.map((close) => close(0)));
    await stopThreads();
    throw error;
  }
}

function logEvent(logger: Logger, event: RegistryEvent): void {
  const { kind, name, version, error } = event;
  if (kind === 'failed') logger.error({ model: name, version, reason: error?.message }, 'a model could not be loaded');
  else logger.info({ model: name, version }, `model ${kind}`);
}
