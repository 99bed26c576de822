/**
 * The body of a request as one Buffer: bounded before and while it arrives, and again while it is decompressed. A body
 * that came in one piece is not copied; one that came in several is copied once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { messageOf, SkeinError } from '../../base/index.ts';
import type { BodyLimits } from '../body-budget.ts';
import { HttpRefusal } from './error-response.ts';

const EMPTY = Buffer.alloc(0);
const ALIGNMENT_BYTES = 8;
const gunzipAsync = promisify(gunzip);
const inflateAsync = promisify(inflate);

function tooLarge(limitBytes: number): SkeinError {
  return new SkeinError(
    'too-large',
    `The body of the request is larger than the limit of ${limitBytes} bytes: send smaller batches, or raise the limit`,
  );
}

/**
 * Calls `done` once: with the body, or with the error to answer.
 * Errors: SkeinError 'too-large' above the limit, 'queue-full' where the server holds too much, 'cancelled' where the client went away before its end;
 * 'invalid-argument' for a body that does not decompress; HttpRefusal 415 for an unknown Content-Encoding.
 * @param alignedAt where in the body its tensors begin
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limits: BodyLimits,
  done: (error: unknown, body: Buffer) => void,
  alignedAt = 0,
): void {
  const { limitBytes, budget } = limits;
  const refusal = refusedBefore(request, limits);
  if (refusal !== undefined) {
    done(refusal, EMPTY);
    return;
  }
  const hold = budget.hold();
  response.on('close', hold.release);
  const chunks: Buffer[] = [];
  let size = 0;
  let settled = false;
  const settle = (error: unknown, body: Buffer): void => {
    if (settled) return;
    settled = true;
    done(error, body);
  };
  request.on('data', (chunk: Buffer) => {
    if (settled) return;
    size += chunk.length;
    const refusal = size > limitBytes ? tooLarge(limitBytes) : budget.refusal(chunk.length);
    if (refusal === undefined) {
      hold.set(size);
      chunks.push(chunk);
    } else {
      chunks.length = 0;
      hold.set(0);
      settle(refusal, EMPTY);
    }
  });
  request.on('end', () => {
    if (settled) return;
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : joined(chunks, size, alignedAt);
    const encoding = request.headers['content-encoding'];
    if (encoding === undefined) settle(undefined, body);
    else {
      decompress(body, encoding, limitBytes).then(
        (plain) => {
          hold.set(plain.length);
          settle(budget.refusal(0), plain);
        },
        (error) => settle(error, EMPTY),
      );
    }
  });
  const gone = () => settle(new SkeinError('cancelled', 'The client went away before its request was complete'), EMPTY);
  request.on('error', gone);
  request.on('aborted', gone);
}

/** The chunks in one, so placed in memory that the byte at `alignedAt` is where floats can be used in place. */
function joined(chunks: readonly Buffer[], size: number, alignedAt: number): Buffer {
  const lead = (ALIGNMENT_BYTES - (alignedAt % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES;
  const buffer = Buffer.allocUnsafeSlow(lead + size).subarray(lead);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(buffer, at);
  return buffer;
}

/** The error to answer a request with whose body need not be read to know that it is too much; undefined if it may come. */
export function refusedBefore(request: IncomingMessage, { limitBytes, budget }: BodyLimits): SkeinError | undefined {
  // Node has checked that it is a number and that the body keeps to it.
  const expected = Number(request.headers['content-length'] ?? 0);
  return expected > limitBytes ? tooLarge(limitBytes) : budget.refusal(expected);
}

/** `readBody` as a promise. */
export function bodyOf(request: IncomingMessage, response: ServerResponse, limits: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    readBody(request, response, limits, (error, body) => (error === undefined ? resolve(body) : reject(error)));
  });
}

async function decompress(body: Buffer, encoding: string, limitBytes: number): Promise<Buffer> {
  const name = encoding.trim().toLowerCase();
  if (name === 'identity' || name === '') return body;
  if (name !== 'gzip' && name !== 'x-gzip' && name !== 'deflate') {
    throw new HttpRefusal(415, `Content-Encoding '${encoding}' is not supported: send gzip, deflate or no compression`);
  }
  try {
    return await (name === 'deflate' ? inflateAsync : gunzipAsync)(body, { maxOutputLength: limitBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limitBytes);
    throw new SkeinError('invalid-argument', `The body of the request is not valid ${name}: ${messageOf(error)}`);
  }
}
