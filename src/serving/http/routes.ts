/** The routes: those that answer with a model are made elsewhere; health, metadata, repository, statistics, metrics. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SkeinError } from '../../base/index.ts';
import type { BodyLimits } from '../body-budget.ts';
import type { DataPlane } from '../protocol.ts';
import { HttpRefusal } from './error-response.ts';
import { expectObject, parseJson } from './json-body.ts';
import type { ModelRoutes } from './model-route.ts';
import { bodyOf } from './request-body.ts';
import { welcomeText } from './welcome.ts';

export interface RouteOptions {
  readonly plane: DataPlane;
  readonly routes: ModelRoutes;
  readonly limits: BodyLimits;
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
  const { plane, routes, limits, jsonDepth } = options;

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
  const jsonBody = async (
    request: FastifyRequest,
    reply: FastifyReply,
    subject: string,
  ): Promise<Readonly<Record<string, unknown>>> => {
    const body = await bodyOf(request.raw, reply.raw, limits);
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

  for (const verb of ['infer', 'classify'] as const) {
    ofModel('POST', `/${verb}`, (request, reply) => {
      reply.hijack();
      const { model, version } = params(request);
      routes[verb](request.raw, reply.raw, model, version);
    });
  }

  add('POST', '/v2/repository/index', async (request, reply) => {
    const { ready = false } = await jsonBody(request, reply, 'The index request');
    if (typeof ready !== 'boolean') {
      throw new SkeinError('invalid-argument', `The index request: 'ready' must be true or false, received ${ready}`);
    }
    return plane.repositoryIndex(ready);
  });
  const control = (verb: 'load' | 'unload', act: (model: string) => Promise<void>): void => {
    add('POST', `/v2/repository/models/:model/${verb}`, async (request, reply) => {
      if (!options.modelControl) {
        throw new HttpRefusal(
          403,
          `Cannot ${verb} a model over the network: the server was not started with it allowed`,
        );
      }
      const { parameters } = await jsonBody(request, reply, `The ${verb} request`);
      refuseOverrides(parameters);
      await act(params(request).model);
      return {};
    });
  };
  control('load', (model) => plane.loadModel(model));
  control('unload', (model) => plane.unloadModel(model));
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
