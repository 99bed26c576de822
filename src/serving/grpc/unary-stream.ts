/**
 * ModelInfer on its bare HTTP/2 stream (one message in, one message out, as gRPC's PROTOCOL-HTTP2.md has it), because
 * grpc-js's call stack costs a lone request as much as HTTP/2 itself. All other calls go through grpc-js.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { status as Status } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { type Cancellation, messageOf, SkeinError } from '../../base/index.ts';
import type { BearerCheck } from '../bearer-token.ts';
import type { BodyLimits } from '../body-budget.ts';
import { GrpcRefusal, statusOf } from './grpc-status.ts';

/** One byte that says whether the message is compressed, four of its length. */
export const PREFIX_BYTES = 5;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const MILLISECONDS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
const EMPTY = Buffer.alloc(0);

const ANSWER = {
  ':status': 200,
  'content-type': 'application/grpc+proto',
  'grpc-encoding': 'identity',
  'grpc-accept-encoding': 'identity,deflate,gzip',
};
const ANSWER_OPTIONS = { waitForTrailers: true, sendDate: false };
const TRAILERS = { 'grpc-status': '0', 'grpc-message': 'OK' };

const decompressors = { gzip: promisify(gunzip), deflate: promisify(inflate) };

export interface UnaryOptions {
  /**
   * Answers a message by a message with `PREFIX_BYTES` free before it.
   * @param deadline when the client stops waiting, as Date.now() has it; Infinity: never
   */
  readonly answer: (message: Buffer, deadline: number, signal: Cancellation) => Promise<Buffer>;
  readonly limits: BodyLimits;
  readonly check: BearerCheck | undefined;
  readonly log: Logger | undefined;
  /** Kept up to date. */
  readonly calls: OpenCalls;
}

export interface OpenCalls {
  /** Calls whose message has arrived and whose answer is not all sent. */
  accepted: number;
}

/** Serves one call. */
export function serveUnary(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: UnaryOptions): void {
  const { calls, log } = options;
  const gone = { aborted: false };
  let over = false;
  let accepted = false;
  let timer: NodeJS.Timeout | undefined;
  const end = (): void => {
    over = true;
    clearTimeout(timer);
  };
  const fail = (error: unknown): void => {
    if (over) return;
    end();
    refuse(stream, error, log);
  };
  stream.on('error', () => {});
  stream.on('close', () => {
    if (accepted) calls.accepted--;
    if (over) return;
    gone.aborted = true;
    end();
  });
  try {
    options.check?.(headers.authorization);
    const deadline = deadlineOf(headers['grpc-timeout']);
    if (deadline !== Number.POSITIVE_INFINITY) {
      timer = setTimeout(
        () => {
          gone.aborted = true;
          fail(new GrpcRefusal(Status.DEADLINE_EXCEEDED, 'The deadline of the call has passed'));
        },
        Math.min(deadline - Date.now(), LONGEST_TIMER_MS),
      );
    }
    readMessage(stream, headers['grpc-encoding'], options.limits, (error, message) => {
      if (over) return;
      if (error !== undefined) return fail(error);
      accepted = true;
      calls.accepted++;
      options
        .answer(message, deadline, gone)
        .then((frame) => {
          if (over) return;
          end();
          send(stream, frame);
        })
        .catch(fail);
    });
  } catch (error) {
    fail(error);
  }
}

function send(stream: ServerHttp2Stream, frame: Buffer): void {
  frame[0] = 0;
  frame.writeUInt32BE(frame.length - PREFIX_BYTES, 1);
  whileOpen(stream, () => {
    stream.on('wantTrailers', () => whileOpen(stream, () => stream.sendTrailers(TRAILERS)));
    stream.respond(ANSWER, ANSWER_OPTIONS);
    stream.end(frame);
  });
}

function refuse(stream: ServerHttp2Stream, error: unknown, log: Logger | undefined): void {
  const { code, details } = statusOf(error, log);
  const status = { 'grpc-status': String(code), 'grpc-message': encodeURI(details) };
  whileOpen(stream, () => {
    stream.respond({ ...ANSWER, ...status }, { endStream: true });
    // What the client has sent is read and forgotten, and it is asked to send no more (RFC 9113, 8.1).
    stream.resume();
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}

/**
 * Nobody is left to be told of an answer that cannot be sent. A stream that the client has reset is closed before it is
 * destroyed, and one may go between the check and the call: answering either throws.
 */
function whileOpen(stream: ServerHttp2Stream, write: () => void): void {
  if (stream.destroyed || stream.closed) return;
  try {
    write();
  } catch {
    stream.destroy();
  }
}

/** Calls `done` once with the one message of the call; one that came in one piece is not copied. */
function readMessage(
  stream: ServerHttp2Stream,
  encoding: string | readonly string[] | undefined,
  { limitBytes, budget }: BodyLimits,
  done: (error: unknown, message: Buffer) => void,
): void {
  const hold = budget.hold();
  stream.on('close', hold.release);
  let chunks: Buffer[] = [];
  let size = 0;
  let expected = Number.POSITIVE_INFINITY;
  let settled = false;
  const settle = (error: unknown, message: Buffer): void => {
    if (settled) return;
    settled = true;
    chunks = [];
    if (error !== undefined) hold.set(0);
    done(error, message);
  };
  stream.on('data', (chunk: Buffer) => {
    if (settled) return;
    chunks.push(chunk);
    size += chunk.length;
    hold.set(size);
    if (expected === Number.POSITIVE_INFINITY && size >= PREFIX_BYTES) {
      if (chunks.length > 1) chunks = [Buffer.concat(chunks, size)];
      expected = PREFIX_BYTES + (chunks[0] as Buffer).readUInt32BE(1);
      if (expected - PREFIX_BYTES > limitBytes) return settle(tooLarge(expected - PREFIX_BYTES, limitBytes), EMPTY);
      // Refused before the rest of it comes.
      const refusal = budget.refusal(expected - size);
      if (refusal !== undefined) return settle(refusal, EMPTY);
    }
    const refusal = budget.refusal(0);
    if (refusal !== undefined) return settle(refusal, EMPTY);
    if (size > expected) {
      const message = `A call of ModelInfer must be one message of ${expected - PREFIX_BYTES} bytes, received more`;
      settle(new SkeinError('invalid-argument', message), EMPTY);
    }
  });
  stream.on('end', () => {
    if (settled) return;
    if (size !== expected) {
      return settle(
        new SkeinError('invalid-argument', 'A call of ModelInfer must be one whole message, it was cut off'),
        EMPTY,
      );
    }
    const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size);
    const message = bytes.subarray(PREFIX_BYTES);
    if (bytes[0] === 0) return settle(undefined, message);
    decompress(message, String(encoding), limitBytes).then(
      (plain) => {
        hold.set(plain.length);
        settle(budget.refusal(0), plain);
      },
      (error) => settle(error, EMPTY),
    );
  });
}

function tooLarge(sizeBytes: number | string, limitBytes: number): SkeinError {
  return new SkeinError(
    'too-large',
    `The message has ${sizeBytes} bytes, the limit is ${limitBytes}: send smaller batches`,
  );
}

async function decompress(message: Buffer, encoding: string, limitBytes: number): Promise<Buffer> {
  const undo = encoding === 'gzip' || encoding === 'deflate' ? decompressors[encoding] : undefined;
  if (undo === undefined)
    throw new SkeinError('unsupported', `The compression '${encoding}' is not supported: use gzip`);
  try {
    return await undo(message, { maxOutputLength: limitBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge('more', limitBytes);
    throw new SkeinError('invalid-argument', `The message is not valid ${encoding}: ${messageOf(error)}`);
  }
}

function deadlineOf(header: string | readonly string[] | undefined): number {
  if (header === undefined) return Number.POSITIVE_INFINITY;
  const [, amount, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(header)) ?? [];
  const milliseconds = MILLISECONDS[unit];
  if (amount === undefined || milliseconds === undefined) {
    throw new SkeinError(
      'invalid-argument',
      `The header 'grpc-timeout' must be digits and a unit, received '${header}'`,
    );
  }
  return Date.now() + Number(amount) * milliseconds;
}
