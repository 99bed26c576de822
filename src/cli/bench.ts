/** `skein bench`: open- or closed-loop load on a served model, latency percentiles and accuracy. */
import { X509Certificate } from 'node:crypto';
import { Command, Option } from 'commander';
import { messageOf, SkeinError } from '../base/index.ts';
import {
  CommandFailure,
  type DataOptions,
  definedOnly,
  numberBetween,
  numberList,
  type OutputOptions,
  readText,
  UsageError,
  wholeNumber,
  withAction,
  withData,
} from './command.ts';
import type { Measurement, MeasureOptions } from './load/index.ts';
import { LOAD_PROTOCOLS, type LoadProtocol, MOST_WAITING, PAYLOADS, type Payload } from './load/words.ts';
import { formatTable, ms, percent } from './table.ts';

interface Options extends DataOptions, OutputOptions {
  readonly model: string;
  readonly protocol?: LoadProtocol;
  readonly payload: Payload;
  readonly connections: number;
  readonly rate?: number;
  readonly duration?: number;
  readonly requests?: number;
  readonly warmup: number;
  readonly timeout: number;
  readonly token?: string;
  readonly ca?: string;
  readonly mean?: number[];
  readonly std?: number[];
}

const DEFAULT_SECONDS = 10;

const LOOPS = `
Without --rate the loop is closed: each connection sends its next request when its answer is there. With --rate it is
open: requests arrive at random times, so many a second in the mean, whether or not those before are answered. Each
takes one of --connections; with none free it waits, and its latency counts from its arrival. So where the server is
slower than the rate, latency grows for as long as the load lasts. At most ${MOST_WAITING} requests wait; those beyond fail,
as does what has waited for --timeout. After --duration nothing more arrives; what has arrived is still seen to its end.`;

export function benchCommand(): Command {
  const command = new Command('bench')
    .description('put a served model under load and measure throughput, latency and accuracy')
    .argument('<url>', "the server's address, as `skein serve` prints it: http://… or grpc://…")
    .requiredOption('--model <name>', 'the model to ask');
  withData(command)
    .addOption(
      new Option('--protocol <protocol>', 'http or grpc (default: as the address says)').choices(LOAD_PROTOCOLS),
    )
    .addOption(
      new Option(
        '--payload <kind>',
        'tensor: floats; image: the image file to /classify; bytes: the image file as a BYTES tensor',
      )
        .choices(PAYLOADS)
        .default('tensor'),
    )
    .option('--connections <n>', 'requests on their way at most, a connection each', wholeNumber(1), 16)
    .option(
      '--rate <n>',
      'open loop: so many requests a second arrive, answered or not (see below)',
      numberBetween(0.001, 999_999),
    )
    .option('--duration <s>', `seconds to measure (default: ${DEFAULT_SECONDS})`, numberBetween(0.001, 1e6))
    .option('--requests <n>', 'measure so many requests instead', wholeNumber(1))
    .option('--warmup <s>', 'seconds of load before that do not count', numberBetween(0, 1e6), 1)
    .option('--timeout <s>', 'a request without an answer after this has failed', numberBetween(0.001, 1e6), 30)
    .addOption(new Option('--token <secret>', 'the bearer token that the server wants').env('SKEIN_TOKEN'))
    .option('--ca <file>', "certificates (PEM) to check the server's against, for one that no known authority signed")
    .option('--mean <numbers>', "of a tensor's channels, separated by commas (default: ImageNet's)", numberList)
    .option('--std <numbers>', "of a tensor's channels, separated by commas (default: ImageNet's)", numberList)
    .addHelpText('after', LOOPS);
  return withAction<Options>(command, async (output, [address = ''], options) => {
    const url = readUrl(address);
    const { model, data, payload, requests, token } = options;
    const protocol = options.protocol ?? (url.protocol.startsWith('grpc') ? 'grpc' : 'http');
    checkWords(options, protocol, url);
    const { measureServer } = await import('./load/index.ts');
    const ca = options.ca === undefined ? undefined : await readCertificates(options.ca);
    const durationMs = (options.duration ?? DEFAULT_SECONDS) * 1000;
    const steps = requests ?? Math.ceil(durationMs / 1000);
    const progress = output.progress(requests === undefined ? 'seconds' : 'requests', steps);
    try {
      const result = await measureServer(
        { url, ...definedOnly({ token, ca }) },
        {
          model,
          data,
          dataOptions: dataOptions(options),
          payload,
          protocol,
          ...normalization(options),
          load: {
            connections: options.connections,
            ...(options.rate !== undefined && { rate: options.rate }),
            ...(requests === undefined ? { durationMs } : { requests }),
            warmupMs: options.warmup * 1000,
            timeoutMs: options.timeout * 1000,
            seed: options.seed,
            onProgress: ({ done }) => progress.update(Math.floor(done * steps)),
          },
        },
      );
      progress.end();
      const { target, warnings, ...object } = result;
      if (result.ok > 0) for (const warning of warnings) output.warn(warning);
      output.result({ model: target.model, ...object }, () => describe(url, options, result));
      if (result.ok === 0) throw new CommandFailure(`No request of ${result.sent} was answered: ${mostOften(result)}`);
    } finally {
      progress.end();
    }
  });
}

function readUrl(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !/^(https?|grpcs?):$/.test(url.protocol)) {
    throw new UsageError(`The server's address must be http://host:port or grpc://host:port, received '${address}'`);
  }
  return url;
}

/** TLS would take a file that holds none without a word, and trust nobody. */
async function readCertificates(file: string): Promise<string> {
  const text = await readText(file);
  try {
    new X509Certificate(text);
    return text;
  } catch (error) {
    throw new SkeinError('corrupt', `Cannot read '${file}': expected certificates (PEM), ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function checkWords({ duration, requests, payload, mean, std, ca }: Options, protocol: LoadProtocol, url: URL): void {
  if (protocol === 'http' && !url.protocol.startsWith('http')) {
    throw new UsageError(`--protocol http needs an address that begins with http, received '${url.href}'`);
  }
  if (duration !== undefined && requests !== undefined) throw new UsageError('Give --duration or --requests, not both');
  if (protocol === 'grpc' && payload === 'image') {
    throw new UsageError('--payload image goes over HTTP only: use --payload bytes with gRPC');
  }
  if (mean !== undefined && payload !== 'tensor') {
    throw new UsageError(`--mean and --std are of tensors: the server decodes what --payload ${payload} sends`);
  }
  if (ca !== undefined && !/^(https|grpcs):$/.test(url.protocol)) {
    throw new UsageError(`--ca needs an address that begins with https or grpcs, received '${url.href}'`);
  }
  if ((mean === undefined) !== (std === undefined)) throw new UsageError('Give --mean and --std together');
}

function dataOptions({ split, limit, seed }: Options): NonNullable<MeasureOptions['dataOptions']> {
  return { seed, ...(split !== undefined && { split }), ...(limit !== undefined && { limit }) };
}

function normalization({ mean, std }: Options): Pick<MeasureOptions, 'normalization'> {
  return mean === undefined || std === undefined ? {} : { normalization: { mean, std } };
}

function mostOften({ errors }: Measurement): string {
  return Object.keys(errors)[0] ?? 'the time was too short';
}

function describe(url: URL, { payload, connections, rate }: Options, result: Measurement): string {
  const { sent, ok, failed, throughput, latencyMs, top1, errors, seconds, images, target } = result;
  const loop = rate === undefined ? 'closed loop' : `open loop of ${rate} requests/s`;
  const lines = [
    `${target.model} at ${url.host}, ${connections} connections, ${loop}, ${payload} requests from ${images} images`,
    '',
    `requests    ${sent} in ${seconds.toFixed(1)} s, ${ok} answered well, ${failed} failed`,
    `throughput  ${throughput.toFixed(throughput < 100 ? 1 : 0)} images/s`,
    `latency     p50 ${ms(latencyMs.p50)}, p90 ${ms(latencyMs.p90)}, p99 ${ms(latencyMs.p99)}, p99.9 ${ms(latencyMs.p999)}, mean ${ms(latencyMs.mean)}`,
  ];
  if (top1 !== undefined) lines.push(`accuracy    top-1 ${percent(top1, 2)}`);
  if (failed > 0) {
    const rows = Object.entries(errors).map(([reason, times]) => [String(times), reason]);
    lines.push('', formatTable([{ title: 'failed', align: 'right' }, { title: 'why' }], rows));
  }
  return lines.join('\n');
}
