/**
 * `POST …/classify`: an image file is the body, label and probabilities are the answer. Like inference it works on node's
 * request and response, without the reply pipeline of the framework.
 */
import type { IncomingMessage } from 'node:http';
import type { Logger } from 'pino';
import { SkeinError } from '../../base/index.ts';
import type { BodyLimits } from '../body-budget.ts';
import type { ClassifyRequest, DataPlane } from '../protocol.ts';
import { countParameter, type Writable } from '../request-parameters.ts';
import { HttpRefusal, sendError } from './error-response.ts';
import { goneSignal, type ModelRoute } from './model-route.ts';
import { bodyOf } from './request-body.ts';

export interface ClassifyRouteOptions {
  readonly plane: DataPlane;
  readonly limits: BodyLimits;
  readonly log: Logger | undefined;
}

export function createClassifyRoute({ plane, limits, log }: ClassifyRouteOptions): ModelRoute {
  return (request, response, model, version) => {
    const answer = async (): Promise<void> => {
      const asked = requestOf(request, model, version);
      asked.image = await bodyOf(request, response, limits);
      if (asked.image.length === 0) {
        throw new SkeinError('invalid-argument', `${subjectOf(model)} must be the body, the body is empty`);
      }
      asked.signal = goneSignal(response);
      const body = JSON.stringify(await plane.classify(asked));
      if (response.destroyed) return;
      response.writeHead(200, [
        'Content-Type',
        'application/json; charset=utf-8',
        'Content-Length',
        String(Buffer.byteLength(body)),
      ]);
      response.end(body);
    };
    answer().catch((error: unknown) => {
      plane.refused(error);
      sendError(response, error, log);
    });
  };
}

const subjectOf = (model: string): string => `The image for model '${model}'`;

/** What is asked, but for the image: `?timeout=` is in microseconds, `?priority=` 1 the highest. */
function requestOf(request: IncomingMessage, model: string, version: string | undefined): Writable<ClassifyRequest> {
  const subject = subjectOf(model);
  if (request.headers['content-type']?.startsWith('multipart/')) {
    throw new HttpRefusal(415, `${subject} must be the body itself, not a form: curl --data-binary @image.jpg <url>`);
  }
  const asked: Writable<ClassifyRequest> = { model, image: new Uint8Array(0) };
  if (version !== undefined) asked.version = version;
  const query = request.url?.indexOf('?') ?? -1;
  if (query === -1) return asked;
  const parameters = numbersOf(new URLSearchParams(request.url?.slice(query + 1)));
  const timeoutUs = countParameter(parameters, 'timeout', subject);
  if (timeoutUs !== undefined) asked.timeoutUs = timeoutUs;
  const priority = countParameter(parameters, 'priority', subject);
  if (priority !== undefined) asked.priority = priority;
  return asked;
}

/** What is written as digits, as a number. */
function numbersOf(query: URLSearchParams): Readonly<Record<string, unknown>> {
  return Object.fromEntries([...query].map(([name, value]) => [name, /^\d+$/.test(value) ? Number(value) : value]));
}
