/**
 * The REST face of a data plane: Open Inference Protocol v2 with the binary data, classification, statistics,
 * repository and schedule policy extensions. It translates and bounds; what a request means is the data plane's.
 */
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { asSkeinError } from '../../base/index.ts';
import { type BearerCheck, bearerCheck } from '../bearer-token.ts';
import { BodyBudget } from '../body-budget.ts';
import { listen } from '../listen.ts';
import type { DataPlane } from '../protocol.ts';
import { createClassifyRoute } from './classify-route.ts';
import { Connections } from './connections.ts';
import { errorAnswer, HttpRefusal, sendError } from './error-response.ts';
import { createInferRoute } from './infer-route.ts';
import { modelShortcut } from './model-route.ts';
import { refusedBefore } from './request-body.ts';
import { addRoutes } from './routes.ts';

export interface HttpServerOptions {
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string;
  /** Default 0: a free one. */
  readonly port?: number;
  /** Of a request's body, compressed and decompressed; default 64 MiB. */
  readonly bodyLimitBytes?: number;
  /** For all bodies together; shared with other servers of the process, or its own. */
  readonly bodyBudget?: BodyBudget;
  /** PEM texts. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Asked of every request but /v2/health/live and /v2/health/ready. */
  readonly token?: string;
  /** Whether clients may load and unload models; default false. */
  readonly modelControl?: boolean;
  /** How deep a request's JSON may nest; default 32. */
  readonly jsonDepth?: number;
  readonly logger?: Logger;
  /** For the headers of a request to arrive; default 10 s. */
  readonly headersTimeoutMs?: number;
  /** For a whole request to arrive; default 120 s. */
  readonly requestTimeoutMs?: number;
  /** How long an idle connection is kept; default 75 s. */
  readonly keepAliveTimeoutMs?: number;
}

export interface HttpServer {
  readonly url: string;
  readonly port: number;
  /**
   * Stops accepting, answers what was accepted, closes.
   * @returns how many connections still had a request after `graceMs` and were cut off
   */
  close(graceMs: number): Promise<number>;
}

const MODEL_NAME_LIMIT = 1024;
const OPEN_PATHS = new Set(['/v2/health/live', '/v2/health/ready']);

/** @throws SkeinError 'unavailable' where it cannot listen, 'invalid-argument' for TLS texts that do not fit */
export async function createHttpServer(plane: DataPlane, options: HttpServerOptions = {}): Promise<HttpServer> {
  const { host = '127.0.0.1', port = 0, bodyLimitBytes = 64 * 2 ** 20, tls, logger: log } = options;
  const { jsonDepth = 32, modelControl = false } = options;
  const limits = { limitBytes: bodyLimitBytes, budget: options.bodyBudget ?? BodyBudget.forBodiesOf(bodyLimitBytes) };
  const connections = new Connections();
  const check = options.token === undefined ? undefined : bearerCheck(options.token);
  const routes = {
    infer: createInferRoute({ plane, limits, jsonDepth, log }),
    classify: createClassifyRoute({ plane, limits, log }),
  };
  const shortcut = modelShortcut(routes, check, log);
  const app = Fastify({
    logger: false,
    genReqId: () => '',
    routerOptions: { maxParamLength: MODEL_NAME_LIMIT },
    exposeHeadRoutes: true,
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => connections.failed(error, socket),
    frameworkErrors: (error, _request, reply) => {
      reply.hijack();
      sendError(reply.raw, error, log);
    },
    serverFactory: (handler) => {
      const listener = (request: IncomingMessage, response: ServerResponse): void => {
        connections.began(request, response);
        if (!shortcut(request, response)) handler(request, response);
      };
      const server = newServer(options, listener);
      server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
        // A client that asks first is told before it has sent a body that is too large.
        if (refusedBefore(request, limits) === undefined) response.writeContinue();
        listener(request, response);
      });
      server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
        sendError(response, new HttpRefusal(417, `Cannot meet 'Expect: ${request.headers.expect}'`), log);
      });
      return server;
    },
  });
  connections.watch(app.server, tls !== undefined);
  prepare(app, check, log);
  addRoutes(app, { plane, routes, limits, jsonDepth, modelControl });
  await app.ready();
  const bound = await listen(app.server, host, port);
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${name}:${bound}`,
    port: bound,
    async close(graceMs) {
      const cutOff = await connections.drain(graceMs);
      await app.close();
      return cutOff;
    },
  };
}

function newServer(options: HttpServerOptions, listener: (request: IncomingMessage, response: ServerResponse) => void) {
  const { tls, headersTimeoutMs = 10_000, requestTimeoutMs = 120_000, keepAliveTimeoutMs = 75_000 } = options;
  const http: ServerOptions = {
    headersTimeout: Math.min(headersTimeoutMs, requestTimeoutMs),
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, headersTimeoutMs, requestTimeoutMs),
    // Nothing here depends on the host, and node's own refusal would not be in the form of our errors.
    requireHostHeader: false,
    noDelay: true,
  };
  try {
    return tls === undefined ? createServer(http, listener) : createSecureServer({ ...http, ...tls }, listener);
  } catch (error) {
    throw asSkeinError(error, 'invalid-argument', 'Cannot use the TLS certificate and key');
  }
}

function prepare(app: FastifyInstance, check: BearerCheck | undefined, log: Logger | undefined): void {
  // Routes read their bodies themselves, bounded and without a second copy.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.setErrorHandler((error, request, reply) => {
    const badType = (error as { code?: unknown }).code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE';
    const reason = `Content-Type '${request.headers['content-type']}' is not a valid media type`;
    const { status, body, retryAfter } = errorAnswer(badType ? new HttpRefusal(415, reason) : error, log);
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
    reply.code(status).type('application/json').send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new HttpRefusal(404, `There is no ${request.method} ${request.url}: GET / lists what is here`);
  });
  if (check === undefined) return;
  app.addHook('onRequest', (request, reply, done) => {
    if (OPEN_PATHS.has(request.url)) return done();
    try {
      check(request.headers.authorization);
      done();
    } catch (error) {
      reply.header('www-authenticate', 'Bearer');
      done(error as Error);
    }
  });
}
