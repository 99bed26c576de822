/**
 * `POST …/infer`, the hot path: it works on node's request and response, without the reply pipeline of the framework,
 * and answers each request with one write.
 */
import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { deflate, gzip } from 'node:zlib';
import type { Logger } from 'pino';
import type { BodyLimits } from '../body-budget.ts';
import type { DataPlane, InferResponse } from '../protocol.ts';
import { sendError } from './error-response.ts';
import { InferBodies } from './infer-bodies.ts';
import { headerLengthOf, type OutputForm, rawInferCall } from './infer-request.ts';
import { encodeInferResponse } from './infer-response.ts';
import { goneSignal, type ModelRoute } from './model-route.ts';
import { readBody } from './request-body.ts';

/** Answers below this are smaller than what compressing them costs; clients must expect an uncompressed one anyway. */
const COMPRESS_FROM_BYTES = 1024;

const JOIN_BELOW_BYTES = 4096;

const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) };

export interface InferRouteOptions {
  readonly plane: DataPlane;
  readonly limits: BodyLimits;
  readonly jsonDepth: number;
  readonly log: Logger | undefined;
}

export function createInferRoute({ plane, limits, jsonDepth, log }: InferRouteOptions): ModelRoute {
  const bodies = new InferBodies(jsonDepth);
  return (request, response, model, version) => {
    const fail = (error: unknown): void => {
      plane.refused(error);
      sendError(response, error, log);
    };
    const answer = async (body: Buffer, headerLength: number | undefined): Promise<void> => {
      const { request: asked, form } =
        headerLength === 0
          ? rawInferCall(plane.modelMetadata(model, version), version, body)
          : bodies.parse(model, version, body, headerLength);
      asked.signal = goneSignal(response);
      await sendAnswer(
        response,
        await plane.infer(asked),
        form,
        acceptedCompression(request.headers['accept-encoding']),
      );
    };
    try {
      const headerLength = headerLengthOf(request.headers['inference-header-content-length']);
      const onBody = (error: unknown, body: Buffer): void => {
        if (error === undefined) answer(body, headerLength).catch(fail);
        else fail(error);
      };
      readBody(request, response, limits, onBody, headerLength);
    } catch (error) {
      fail(error);
    }
  };
}

async function compress(body: Buffer, encoding: keyof typeof compressors): Promise<Buffer> {
  return compressors[encoding](body);
}

function sendAnswer(
  response: ServerResponse,
  answer: InferResponse,
  form: OutputForm,
  encoding: keyof typeof compressors | undefined,
): void | Promise<void> {
  const { body, headerLength } = encodeInferResponse(answer, form);
  if (encoding === undefined || body.length < COMPRESS_FROM_BYTES)
    return write(response, body, headerLength, undefined);
  return compress(body, encoding).then((small) => write(response, small, headerLength, encoding));
}

function write(
  response: ServerResponse,
  body: Buffer,
  headerLength: number | undefined,
  encoding: string | undefined,
): void {
  if (response.destroyed) return;
  const length = String(body.length);
  const headers =
    headerLength === undefined
      ? ['Content-Type', 'application/json', 'Content-Length', length]
      : [
          'Content-Type',
          'application/octet-stream',
          'Inference-Header-Content-Length',
          String(headerLength),
          'Content-Length',
          length,
        ];
  if (encoding !== undefined) headers.push('Content-Encoding', encoding);
  response.writeHead(200, headers);
  // Node joins a string of one-byte characters to the headers, and a buffer it writes beside them.
  if (body.length < JOIN_BELOW_BYTES) response.end(body.toString('latin1'), 'latin1');
  else response.end(body);
}

/** The first of gzip and deflate that `Accept-Encoding` names without refusing it (RFC 9110, 12.5.3). */
export function acceptedCompression(header: string | undefined): 'gzip' | 'deflate' | undefined {
  if (header === undefined || header === 'identity') return undefined;
  for (const part of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    if (name !== 'gzip' && name !== 'deflate') continue;
    if (!parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) return name;
  }
  return undefined;
}
