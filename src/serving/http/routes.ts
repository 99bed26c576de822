/** Every route but inference: health, metadata, repository, statistics, metrics, and classification of an image file. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SkeinError } from '../../base/index.ts';
import type { ClassifyRequest, DataPlane } from '../protocol.ts';
import { countParameter, type Writable } from '../request-parameters.ts';
import { HttpRefusal } from './error-response.ts';
import { goneSignal, type InferRoute } from './infer-route.ts';
import { expectObject, parseJson } from './json-body.ts';
import { bodyOf } from './request-body.ts';
import { welcomeText } from './welcome.ts';

export interface RouteOptions {
  readonly plane: DataPlane;
  readonly infer: InferRoute;
  readonly bodyLimitBytes: number;
  readonly jsonDepth: number;
  readonly modelControl: boolean;
}

interface ModelParams {
  readonly model: string;
  readonly version?: string;
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => unknown;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const params = (request: FastifyRequest): ModelParams => request.params as ModelParams;

export function addRoutes(app: FastifyInstance, options: RouteOptions): void {
  const { plane, infer, bodyLimitBytes, jsonDepth } = options;

  /** The route, and 405 for every other method on it. */
  const add = (method: 'GET' | 'POST', url: string, handler: Handler): void => {
    app.route({ method, url, handler });
    const allowed = method === 'GET' ? ['GET', 'HEAD'] : ['POST'];
    app.route({
      method: METHODS.filter((other) => !allowed.includes(other)),
      url,
      handler: (request, reply) => {
        reply.header('allow', allowed.join(', '));
        throw new HttpRefusal(405, `${request.method} is not for ${request.url}: use ${method}`);
      },
    });
  };
  const ofModel = (method: 'GET' | 'POST', suffix: string, handler: Handler): void => {
    add(method, `/v2/models/:model${suffix}`, handler);
    add(method, `/v2/models/:model/versions/:version${suffix}`, handler);
  };
  const jsonBody = async (request: FastifyRequest, subject: string): Promise<Readonly<Record<string, unknown>>> => {
    const body = await bodyOf(request.raw, bodyLimitBytes);
    return body.length === 0 ? {} : expectObject(parseJson(body, jsonDepth, subject), `${subject}: the JSON`);
  };

  add('GET', '/', (_, reply) => reply.type('text/plain; charset=utf-8').send(welcomeText(plane)));
  add('GET', '/v2', () => plane.serverMetadata());
  add('GET', '/v2/health/live', (_, reply) => reply.code(plane.live() ? 200 : 503).send());
  add('GET', '/v2/health/ready', (_, reply) => reply.code(plane.ready() ? 200 : 503).send());
  add('GET', '/v2/models/stats', () => ({ model_stats: plane.statistics() }));
  add('GET', '/metrics', async (_, reply) => {
    const { contentType, body } = await plane.metrics();
    return reply.header('content-type', contentType).send(body);
  });

  ofModel('GET', '', (request) => plane.modelMetadata(params(request).model, params(request).version));
  ofModel('GET', '/ready', (request, reply) => {
    const { model, version } = params(request);
    return reply.code(plane.modelReady(model, version) ? 200 : 503).send();
  });
  ofModel('GET', '/config', (request) => plane.modelConfig(params(request).model, params(request).version));
  ofModel('GET', '/stats', (request) => ({
    model_stats: plane.statistics(params(request).model, params(request).version),
  }));

  ofModel('POST', '/infer', (request, reply) => {
    reply.hijack();
    const { model, version } = params(request);
    infer(request.raw, reply.raw, model, version);
  });
  ofModel('POST', '/classify', async (request, reply) => {
    return plane.classify(await classifyRequest(request, reply, bodyLimitBytes));
  });

  add('POST', '/v2/repository/index', async (request) => {
    const { ready = false } = await jsonBody(request, 'The index request');
    if (typeof ready !== 'boolean') {
      throw new SkeinError('invalid-argument', `The index request: 'ready' must be true or false, received ${ready}`);
    }
    return plane.repositoryIndex(ready);
  });
  const control = (verb: 'load' | 'unload', act: (model: string) => Promise<void>): void => {
    add('POST', `/v2/repository/models/:model/${verb}`, async (request) => {
      if (!options.modelControl) {
        throw new HttpRefusal(
          403,
          `Cannot ${verb} a model over the network: the server was not started with it allowed`,
        );
      }
      const { parameters } = await jsonBody(request, `The ${verb} request`);
      refuseOverrides(parameters);
      await act(params(request).model);
      return {};
    });
  };
  control('load', (model) => plane.loadModel(model));
  control('unload', (model) => plane.unloadModel(model));
}

/** The body is an image file, whatever its Content-Type; `?timeout=` is in microseconds, `?priority=` 1 the highest. */
async function classifyRequest(
  request: FastifyRequest,
  reply: FastifyReply,
  bodyLimitBytes: number,
): Promise<ClassifyRequest> {
  const { model, version } = params(request);
  const subject = `The image for model '${model}'`;
  if (request.headers['content-type']?.startsWith('multipart/')) {
    throw new HttpRefusal(415, `${subject} must be the body itself, not a form: curl --data-binary @image.jpg <url>`);
  }
  const query = numbersOf(request.query as Readonly<Record<string, unknown>>);
  const timeoutUs = countParameter(query, 'timeout', subject);
  const priority = countParameter(query, 'priority', subject);
  const image = await bodyOf(request.raw, bodyLimitBytes);
  if (image.length === 0) throw new SkeinError('invalid-argument', `${subject} must be the body, the body is empty`);
  const asked: Writable<ClassifyRequest> = { model, image, signal: goneSignal(reply.raw) };
  if (version !== undefined) asked.version = version;
  if (timeoutUs !== undefined) asked.timeoutUs = timeoutUs;
  if (priority !== undefined) asked.priority = priority;
  return asked;
}

/** What is written as digits, as a number. */
function numbersOf(query: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, /^\d+$/.test(String(value)) ? Number(value) : value]),
  );
}

/** Triton's `config` and `file:…` would replace what the repository holds; silently ignoring them would serve another model. */
export function refuseOverrides(parameters: unknown): void {
  if (parameters === undefined) return;
  for (const name of Object.keys(expectObject(parameters, 'The load request: parameters'))) {
    if (name !== 'config' && !name.startsWith('file:')) continue;
    throw new SkeinError(
      'unsupported',
      `The load request: parameter '${name}' is not supported, change the repository`,
    );
  }
}
