import { EventEmitter } from 'node:events';
import { connect, constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { status as Status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { echoRequest, outputsOf } from '../../../test/grpc-client.ts';
import { BodyBudget } from '../body-budget.ts';
import { ModelInferRequestSchema, ModelInferResponseSchema } from './gen/grpc_service_pb.ts';
import { createGrpcServer, type GrpcServer } from './grpc-server.ts';
import { serveUnary } from './unary-stream.ts';

const LIMIT_BYTES = 1000;
const PATH = '/inference.GRPCInferenceService/ModelInfer';
let plane: EchoPlane;
let server: GrpcServer;

beforeEach(async () => {
  plane = createEchoPlane();
  server = await createGrpcServer(plane, { bodyLimitBytes: LIMIT_BYTES });
});

afterEach(() => server.close(0));

function framed(message: Uint8Array, compressed = 0, length = message.byteLength): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

const MESSAGE = Buffer.from(
  toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, echoRequest([1, 2, 3, 4]))),
);

interface Ended {
  readonly headers: IncomingHttpHeaders;
  readonly status: Status;
  readonly details: string;
  readonly body: Buffer;
}

/** One call as bytes, in as many DATA frames as there are pieces. */
async function call(pieces: readonly Buffer[], headers: Record<string, string> = {}): Promise<Ended> {
  const session = connect(`http://127.0.0.1:${server.port}`);
  session.on('error', () => {});
  try {
    return await new Promise((resolve, reject) => {
      const fixed = { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' };
      const stream = session.request({ ...fixed, ...headers });
      const chunks: Buffer[] = [];
      let first: IncomingHttpHeaders = {};
      let last: IncomingHttpHeaders = {};
      stream.on('response', (received) => {
        first = received;
        last = received;
      });
      stream.on('trailers', (received) => {
        last = received;
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => {
        const details = decodeURI(String(last['grpc-message'] ?? ''));
        resolve({ headers: first, status: Number(last['grpc-status']), details, body: Buffer.concat(chunks) });
      });
      for (const piece of pieces) stream.write(piece);
      stream.end();
    });
  } finally {
    session.close();
  }
}

function answerOf({ body }: Ended) {
  expect([body[0], body.readUInt32BE(1)]).toEqual([0, body.length - 5]);
  return outputsOf(fromBinary(ModelInferResponseSchema, body.subarray(5)));
}

describe('a call', () => {
  it('is answered with headers, one message and trailers', async () => {
    const ended = await call([framed(MESSAGE)]);
    expect(ended.headers[':status']).toBe(200);
    expect(ended.headers['content-type']).toMatch(/^application\/grpc/);
    expect(ended.status).toBe(Status.OK);
    expect(answerOf(ended).sum).toEqual([10]);
  });

  it('may come in any pieces', async () => {
    const bytes = framed(MESSAGE);
    const pieces = Array.from(bytes, (byte) => Buffer.from([byte]));
    expect(answerOf(await call(pieces)).sum).toEqual([10]);
    expect(answerOf(await call([bytes.subarray(0, 3), bytes.subarray(3)])).sum).toEqual([10]);
  });

  it('may be compressed', async () => {
    expect(answerOf(await call([framed(gzipSync(MESSAGE), 1)], { 'grpc-encoding': 'gzip' })).sum).toEqual([10]);
  });
});

describe('a call is refused', () => {
  it.each([
    ['that has no message', [], {}, Status.INVALID_ARGUMENT, 'cut off'],
    ['whose prefix is cut off', [Buffer.alloc(4)], {}, Status.INVALID_ARGUMENT, 'cut off'],
    ['whose message is cut off', [framed(MESSAGE, 0, MESSAGE.length + 1)], {}, Status.INVALID_ARGUMENT, 'cut off'],
    ['with two messages', [framed(MESSAGE), framed(MESSAGE)], {}, Status.INVALID_ARGUMENT, 'received more'],
    ['above the limit', [framed(MESSAGE, 0, LIMIT_BYTES + 1)], {}, Status.RESOURCE_EXHAUSTED, 'limit is 1000'],
    ['of 4 GiB', [framed(MESSAGE, 0, 2 ** 32 - 1)], {}, Status.RESOURCE_EXHAUSTED, 'limit is 1000'],
    [
      'that grows above the limit',
      [framed(gzipSync(Buffer.alloc(LIMIT_BYTES + 1)), 1)],
      { 'grpc-encoding': 'gzip' },
      Status.RESOURCE_EXHAUSTED,
      'limit is 1000',
    ],
    ['that is no gzip', [framed(MESSAGE, 1)], { 'grpc-encoding': 'gzip' }, Status.INVALID_ARGUMENT, 'not valid gzip'],
    ['compressed unknown', [framed(MESSAGE, 1)], { 'grpc-encoding': 'br' }, Status.UNIMPLEMENTED, "'br'"],
    ['compressed unsaid', [framed(MESSAGE, 1)], {}, Status.UNIMPLEMENTED, 'not supported'],
    ['with a timeout that is none', [framed(MESSAGE)], { 'grpc-timeout': 'soon' }, Status.INVALID_ARGUMENT, "'soon'"],
    ['that is no protobuf', [framed(Buffer.from([0xff]))], {}, Status.INVALID_ARGUMENT, 'not a valid inference.'],
  ])('%s', async (_, pieces, headers, status, words) => {
    const ended = await call(pieces, headers as Record<string, string>);
    expect([ended.status, ended.details]).toEqual([status, expect.stringContaining(words)]);
    expect(ended.body.length).toBe(0);
  });

  it('when its deadline passes, and the data plane is told', async () => {
    plane.delayMs = 5000;
    const ended = await call([framed(MESSAGE)], { 'grpc-timeout': '100m' });
    expect([ended.status, ended.details]).toEqual([Status.DEADLINE_EXCEEDED, expect.stringContaining('deadline')]);
    await expect.poll(() => plane.aborted).toBe(1);
  });

  it('and its stream ends, when its deadline passes before its message has arrived', async () => {
    const session = connect(`http://127.0.0.1:${server.port}`);
    try {
      const fixed = { ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', te: 'trailers' };
      const stream = session.request({ ...fixed, 'grpc-timeout': '50m' });
      let status: unknown;
      stream.on('response', (headers) => {
        status = headers['grpc-status'];
      });
      stream.write(framed(MESSAGE).subarray(0, 20));
      stream.resume();
      await new Promise((resolve, reject) => stream.on('close', resolve).on('error', reject));
      expect([Number(status), stream.rstCode]).toEqual([Status.DEADLINE_EXCEEDED, constants.NGHTTP2_NO_ERROR]);
    } finally {
      session.destroy();
    }
  });

  it('that is not gRPC, as grpc-js refuses it', async () => {
    const ended = await call([framed(MESSAGE)], { 'content-type': 'application/json' });
    expect(ended.headers[':status']).toBe(415);
  });
});

/** A stream that goes away just before it is answered: whatever is done to answer it throws. */
class VanishedStream extends EventEmitter {
  readonly destroyed = false;
  readonly closed = false;
  destroys = 0;
  readonly #throwing: string;
  constructor(throwing: string) {
    super();
    this.#throwing = throwing;
  }
  #fail(name: string): void {
    if (name === this.#throwing) throw new Error('The stream has been destroyed');
  }
  resume(): void {}
  respond(): void {
    this.#fail('respond');
  }
  end(): void {
    this.#fail('end');
    this.emit('wantTrailers');
  }
  sendTrailers(): void {
    this.#fail('sendTrailers');
  }
  close(): void {
    this.#fail('close');
  }
  destroy(): void {
    this.destroys++;
    this.emit('close');
  }
}

describe('a stream that goes away while it is answered harms nobody', () => {
  const options = {
    limits: { limitBytes: LIMIT_BYTES, budget: new BodyBudget(10 * LIMIT_BYTES) },
    check: undefined,
    log: undefined,
  };

  it.each(['respond', 'end', 'sendTrailers'])('where %s throws', async (throwing) => {
    const stream = new VanishedStream(throwing);
    const calls = { accepted: 0 };
    const answer = async (): Promise<Buffer> => Buffer.alloc(10);
    serveUnary(stream as unknown as ServerHttp2Stream, {}, { ...options, answer, calls });
    stream.emit('data', framed(MESSAGE));
    stream.emit('end');
    await expect.poll(() => stream.destroys).toBe(1);
    expect(calls.accepted).toBe(0);
  });

  it.each(['respond', 'close'])('where %s throws when its deadline passes', async (throwing) => {
    const stream = new VanishedStream(throwing);
    const calls = { accepted: 0 };
    const answer = (): Promise<Buffer> => new Promise(() => {});
    serveUnary(stream as unknown as ServerHttp2Stream, { 'grpc-timeout': '5m' }, { ...options, answer, calls });
    await expect.poll(() => stream.destroys).toBe(1);
  });
});
