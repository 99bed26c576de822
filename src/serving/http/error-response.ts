/**
 * Errors as HTTP says them: one total table from Skein's codes to statuses, and one body, `{"error": "<one line>"}`. What
 * was thrown by a defect is logged whole and told to the client in general words only.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { type ErrorCode, messageOf, SkeinError } from '../../base/index.ts';
import { clipped } from '../request-parameters.ts';

/**
 * Refusals for want of capacity or time are 503, as Triton's are, so that balancers and clients try again elsewhere;
 * 499 (the client has gone) is nginx's.
 */
export const HTTP_STATUS: Readonly<Record<ErrorCode, number>> = {
  'invalid-argument': 400,
  'not-found': 404,
  unsupported: 400,
  corrupt: 400,
  'too-large': 413,
  unauthenticated: 401,
  'queue-full': 503,
  'deadline-exceeded': 503,
  cancelled: 499,
  unavailable: 503,
  internal: 500,
};

/** What only HTTP can object to: a method, a media type, a route that does not exist. */
export class HttpRefusal extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** Seconds after which a client that was refused for want of room may try again. */
const RETRY_AFTER = '1';

export interface ErrorAnswer {
  readonly status: number;
  readonly body: string;
  /** The header of that name, where trying again helps. */
  readonly retryAfter: string | undefined;
}

/** What an error is answered with; a defect is logged. */
export function errorAnswer(error: unknown, log: Logger | undefined): ErrorAnswer {
  const { status, message } = describe(error);
  if (status >= 500 && status !== 503) log?.error({ err: error }, 'a request failed');
  else log?.debug({ status, reason: message }, 'a request was refused');
  const full = error instanceof SkeinError && error.code === 'queue-full';
  return { status, body: errorBody(message), retryAfter: full ? RETRY_AFTER : undefined };
}

function describe(error: unknown): { status: number; message: string } {
  if (error instanceof SkeinError) return { status: HTTP_STATUS[error.code], message: messageOf(error) };
  // Fastify's own errors carry their status as HttpRefusal does.
  const status = error instanceof Error ? (error as { statusCode?: unknown }).statusCode : undefined;
  if (typeof status === 'number' && status >= 400 && status < 500) return { status, message: messageOf(error) };
  return { status: 500, message: 'The server failed to answer this request: its log says why' };
}

export function errorBody(message: string): string {
  return JSON.stringify({ error: clipped(message) });
}

/** Answers on node's own response, for routes that do without fastify's reply. */
export function sendError(response: ServerResponse, error: unknown, log: Logger | undefined): void {
  if (response.headersSent || response.destroyed) return;
  const { status, body, retryAfter } = errorAnswer(error, log);
  const headers = ['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))];
  if (status === HTTP_STATUS.unauthenticated) headers.push('WWW-Authenticate', 'Bearer');
  if (retryAfter !== undefined) headers.push('Retry-After', retryAfter);
  response.writeHead(status, headers);
  response.end(body);
}

const PARSER_ANSWERS: Readonly<Record<string, readonly [status: string, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers of the request are larger than 16 KiB'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Payload Too Large', 'The chunk extensions of the request are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: [
    '408 Request Timeout',
    'The request did not arrive in time: the server has stopped waiting',
  ],
};

/** Answers what node's HTTP parser rejects or gives up on, where there is no request to answer; closes the connection. */
export function sendParserError(socket: Socket, error: NodeJS.ErrnoException): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = PARSER_ANSWERS[error.code ?? ''] ?? [
    '400 Bad Request',
    `The request is not valid HTTP/1.1: ${messageOf((error as { reason?: string }).reason ?? error)}`,
  ];
  const body = errorBody(message);
  const head = `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: `;
  // The other side may go on sending without ever reading: it gets a moment for the answer, not a connection.
  socket.end(`${head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
  socket.resume();
  setTimeout(() => socket.destroy(), 1000).unref();
}
