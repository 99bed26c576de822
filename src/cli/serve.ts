/** `skein serve`: answers the Open Inference Protocol until it is told to stop. */
import { Command, Option } from 'commander';
import {
  definedOnly,
  type EngineFlags,
  MOST_THREADS,
  type ModelOptions,
  numberBetween,
  type OutputOptions,
  readText,
  UsageError,
  wholeNumber,
  withAction,
  withEngine,
  withModelOptions,
} from './command.ts';
import { ServeSignals } from './serve-signals.ts';

interface ServeFlags {
  readonly host: string;
  readonly port: number;
  readonly grpcPort: number;
  /** False with --no-grpc. */
  readonly grpc: boolean;
  readonly slo: number;
  readonly maxBatch: number;
  readonly queue: number;
  readonly decodeThreads?: number;
  readonly stragglerMs?: number;
  readonly versions: 'latest' | 'all';
  readonly poll?: number;
  readonly modelControl?: true;
  readonly bodyLimit: number;
  readonly drainTimeout: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly token?: string;
  readonly logLevel: string;
}

type Options = ServeFlags & EngineFlags & ModelOptions & OutputOptions;

const LAST_PORT = 65_535;
const MEBIBYTE = 2 ** 20;

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('serve a model, a plan or a folder of models over the Open Inference Protocol (REST and gRPC)')
    .argument(
      '<model>',
      'an .onnx or .skz file, a plan.json, or a folder of models: <model>.onnx, <model>/<version>/model.onnx',
    )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port of REST; 0 picks a free one', wholeNumber(0, LAST_PORT), 8000)
    .option('--grpc-port <n>', 'port of gRPC; 0 picks a free one', wholeNumber(0, LAST_PORT), 8001)
    .option('--no-grpc', 'serve REST only')
    .option(
      '--slo <ms>',
      'batch only so much that a batch and those before it on its worker are done within this, 99 times of 100',
      numberBetween(0.1, 1e6),
      250,
    )
    .option('--max-batch <rows>', 'most rows of one batch; 1 turns batching off', wholeNumber(1), 32)
    .option(
      '--queue <rows>',
      'rows that may wait before one model; more are refused, as is a single request of more',
      wholeNumber(1),
      1024,
    )
    .option(
      '--decode-threads <n>',
      'threads that decode images (default: half of the usable cores)',
      wholeNumber(1, MOST_THREADS),
    )
    .addOption(
      new Option('--versions <which>', 'versions of each model to serve').choices(['latest', 'all']).default('latest'),
    )
    .option(
      '--straggler-ms <n>',
      'answer without the parts of a parallel plan that take longer: their classes get their prior probabilities',
      numberBetween(0.1, 1e6),
    )
    .option('--poll <seconds>', 'look for new and changed models so often', numberBetween(0.1, 1e6))
    .option('--model-control', 'let clients load and unload models')
    .option('--body-limit <MiB>', 'largest body of a request', numberBetween(0.001, 1024), 64)
    .option('--drain-timeout <seconds>', 'time to answer what was accepted after SIGTERM', numberBetween(0, 1e6), 30)
    .option('--tls-cert <file>', 'certificate (PEM): serve over TLS')
    .option('--tls-key <file>', 'its private key (PEM)')
    .addOption(
      new Option(
        '--token <secret>',
        'bearer token that every request must carry but those for the health of the server',
      ).env('SKEIN_TOKEN'),
    )
    .addOption(
      new Option('--log-level <level>', 'of the log on standard error, a JSON object a line')
        .choices(['fatal', 'error', 'warn', 'info', 'debug', 'silent'])
        .default('info'),
    );
  return withAction<Options>(withModelOptions(withEngine(command)), async (output, [path = ''], options) => {
    const { pino } = await import('pino');
    const logger = pino({ level: options.logLevel }, pino.destination(2));
    const signals = new ServeSignals(logger, options.drainTimeout * 1000);
    const { startServer } = await import('../serving/index.ts');
    const tls = await readTls(options);
    const { labels, mean, std, shape, workers, threads, decodeThreads, stragglerMs, token } = options;
    const starting = startServer({
      path,
      overrides: definedOnly({ labels, mean, std, shape }),
      signal: signals.starting,
      logger,
      host: options.host,
      port: options.port,
      sloMs: options.slo,
      maxBatch: options.maxBatch,
      queueRows: options.queue,
      versions: options.versions,
      modelControl: options.modelControl ?? false,
      bodyLimitBytes: Math.round(options.bodyLimit * MEBIBYTE),
      ...definedOnly({ workers, threads, decodeThreads, stragglerMs, token, tls }),
      ...(options.grpc ? { grpcPort: options.grpcPort } : {}),
      ...(options.poll === undefined ? {} : { pollSeconds: options.poll }),
    });
    const server = await signals.started(starting);
    if (server === undefined) return;
    for (const failure of server.failures) output.warn(failure.message);
    const { httpUrl, grpcAddress, models } = server;
    const grpcUrl = grpcAddress === undefined ? undefined : `${tls === undefined ? 'grpc' : 'grpcs'}://${grpcAddress}`;
    output.result({ ready: httpUrl, ...definedOnly({ grpc: grpcUrl }), models }, () =>
      ['ready', httpUrl, ...(grpcUrl === undefined ? [] : [grpcUrl])].join(' '),
    );
    await signals.stopped;
  });
}

async function readTls({ tlsCert, tlsKey }: Options): Promise<{ cert: string; key: string } | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) throw new UsageError('--tls-cert and --tls-key go together');
  return { cert: await readText(tlsCert), key: await readText(tlsKey) };
}
