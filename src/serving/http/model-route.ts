/** What the two routes that answer with a model have in common, and the way to them past the framework. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { Cancellation } from '../../base/index.ts';
import type { BearerCheck } from '../bearer-token.ts';
import { sendError } from './error-response.ts';

export type ModelRoute = (
  request: IncomingMessage,
  response: ServerResponse,
  model: string,
  version: string | undefined,
) => void;

export interface ModelRoutes {
  readonly infer: ModelRoute;
  readonly classify: ModelRoute;
}

const MODEL_URL = /^\/v2\/models\/([\w.-]+)(?:\/versions\/([\w.-]+))?\/(infer|classify)$/;

/**
 * The way past the framework, which costs as much as all the rest of a request: true where it took the request. Whatever
 * is written in another way (a query, percent signs) takes the long way to the same route.
 */
export function modelShortcut(
  routes: ModelRoutes,
  check: BearerCheck | undefined,
  log: Logger | undefined,
): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    if (request.method !== 'POST') return false;
    const [, model, version, verb] = MODEL_URL.exec(request.url ?? '') ?? [];
    if (model === undefined) return false;
    try {
      check?.(request.headers.authorization);
      routes[verb as keyof ModelRoutes](request, response, model, version);
    } catch (error) {
      sendError(response, error, log);
    }
    return true;
  };
}

/** Aborted when the connection closes before the answer was written. */
export function goneSignal(response: ServerResponse): Cancellation {
  const gone = { aborted: response.destroyed };
  response.on('close', () => {
    gone.aborted = !response.writableEnded;
  });
  return gone;
}
