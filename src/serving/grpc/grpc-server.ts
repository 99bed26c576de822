/**
 * The gRPC face of a data plane: Triton's GRPCInferenceService and grpc.health.v1. It translates and bounds; what a
 * request means is the data plane's.
 */
import { createSecureContext } from 'node:tls';
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  setLogVerbosity,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { asSkeinError } from '../../base/index.ts';
import { bearerCheck } from '../bearer-token.ts';
import { BodyBudget } from '../body-budget.ts';
import { ARRIVAL_MS, waitUntil } from '../drain.ts';
import type { DataPlane } from '../protocol.ts';
import { takeStreams } from './bare-streams.ts';
import { HEALTH_SERVICE, healthHandlers } from './health-service.ts';
import { readInferRequest } from './infer-message.ts';
import { encodeInferWire } from './infer-wire.ts';
import { Listener } from './listener.ts';
import { answerUnary, InferStream, limitTimeout } from './model-infer.ts';
import { counted, guarded, INFERENCE_SERVICE, inferenceHandlers } from './service.ts';
import { type OpenCalls, PREFIX_BYTES, serveUnary, type UnaryOptions } from './unary-stream.ts';

export interface GrpcServerOptions {
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Of one message, compressed and decompressed; default 64 MiB. */
  readonly bodyLimitBytes?: number;
  /** For all messages together; shared with other servers of the process, or its own. */
  readonly bodyBudget?: BodyBudget;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Asked of every call but those for the server's health, in the metadata `authorization`. */
  readonly token?: string;
  /** Whether clients may load and unload models; default false. */
  readonly modelControl?: boolean;
  readonly logger?: Logger;
  /** Whether ModelInfer is served on bare HTTP/2 streams, faster than through grpc-js; default true. */
  readonly bareStreams?: boolean;
}

export interface GrpcServer {
  readonly port: number;
  /**
   * Stops accepting, answers what was accepted, closes.
   * @returns how many calls were still unanswered after `graceMs` and were cut off
   */
  close(graceMs: number): Promise<number>;
}

/** Of one connection at a time; more of them wait on the client's side. */
const CONCURRENT_CALLS = 1024;
const INFER_PATH = INFERENCE_SERVICE.ModelInfer?.path;

/** @throws SkeinError 'unavailable' where it cannot listen, 'invalid-argument' for TLS texts that do not fit */
export async function createGrpcServer(plane: DataPlane, options: GrpcServerOptions = {}): Promise<GrpcServer> {
  const { bodyLimitBytes = 64 * 2 ** 20, logger: log, modelControl = false, token } = options;
  // Otherwise grpc-js writes to standard error what is thrown here as well.
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.max_receive_message_length': bodyLimitBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': CONCURRENT_CALLS,
  });
  const check = token === undefined ? undefined : bearerCheck(token);
  const limits = { limitBytes: bodyLimitBytes, budget: options.bodyBudget ?? BodyBudget.forBodiesOf(bodyLimitBytes) };
  const streams = new Set<InferStream>();
  const watchers = new Set<ServerWritableStream<Buffer, Uint8Array>>();
  const calls: OpenCalls = { accepted: 0 };
  const unary = {
    ...inferenceHandlers({ plane, modelControl, log }),
    ModelInfer: (call: ServerUnaryCall<Buffer, Uint8Array>, callback: sendUnaryData<Uint8Array>) =>
      answerUnary(plane, log, call, callback),
  };
  const handlers = {
    ...counted(unary, calls),
    ModelStreamInfer: (call: ServerDuplexStream<Buffer, Uint8Array>) => {
      const stream = new InferStream(plane, limits.budget, log, call);
      streams.add(stream);
      void stream.closed.then(() => streams.delete(stream));
    },
  };
  server.addService(INFERENCE_SERVICE, guarded(handlers, check));
  server.addService(HEALTH_SERVICE, healthHandlers(plane, watchers, log));
  if (options.bareStreams ?? true) {
    const answer: UnaryOptions['answer'] = async (message, deadline, signal) => {
      try {
        const request = readInferRequest(message);
        limitTimeout(request, deadline);
        request.signal = signal;
        return encodeInferWire(await plane.infer(request), PREFIX_BYTES);
      } catch (error) {
        plane.refused(error);
        throw error;
      }
    };
    const bare: UnaryOptions = { answer, limits, check, log, calls };
    takeStreams(server, (stream, headers) => {
      if (headers[':path'] !== INFER_PATH || !headers['content-type']?.startsWith('application/grpc')) return false;
      serveUnary(stream, headers, bare);
      return true;
    });
  }
  const injector = server.createConnectionInjector(credentialsOf(options));
  const listener = new Listener((socket) => injector.injectConnection(socket));
  const port = await listener.listen(options.host ?? '127.0.0.1', options.port ?? 0);
  return {
    port,
    close: async (graceMs) => {
      for (const watcher of watchers) watcher.end();
      for (const stream of streams) stream.drain();
      listener.close();
      const cutOff = await drained(server, () => calls.accepted + streams.size, graceMs);
      server.forceShutdown();
      listener.destroy();
      return cutOff;
    },
  };
}

/**
 * Waits until all that was accepted is answered, what was under way had a moment to arrive, and clients had one to close.
 * @returns how many accepted calls are left after `graceMs`
 */
async function drained(server: Server, accepted: () => number, graceMs: number): Promise<number> {
  let closed = false;
  server.tryShutdown(() => {
    closed = true;
  });
  await waitUntil((waitedMs) => closed || (waitedMs >= ARRIVAL_MS && accepted() === 0), graceMs);
  return accepted();
}

function credentialsOf({ tls }: GrpcServerOptions): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const { cert, key } = tls;
  try {
    createSecureContext({ cert, key });
    return ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }]);
  } catch (error) {
    throw asSkeinError(error, 'invalid-argument', 'Cannot use the TLS certificate and key');
  }
}
