/**
 * One HTTP/2 connection for unary gRPC calls, one at a time: bytes of a framed message in, bytes of a message out. On
 * node:http2 alone, as grpc-js's call stack costs the load generator more than the transport.
 */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { SkeinError } from '../../base/index.ts';
import { reasonOf } from './http-socket.ts';

/** Either `failure` or `message` is there; `lost` says that the connection broke. */
export type GrpcListener = (failure: string | undefined, message: Uint8Array | undefined, lost: boolean) => void;

/** The 5 bytes before each message: not compressed, and its length. */
const PREFIX_BYTES = 5;

/** Names of the numbers in grpc-status (gRPC's statuscodes.md). */
const STATUS_NAMES = (
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED ' +
  'RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS ' +
  'UNAUTHENTICATED'
).split(' ');

export class GrpcSocket {
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #listener: GrpcListener;
  #session: ClientHttp2Session | undefined;
  /** The call on its way. */
  #stream: ClientHttp2Stream | undefined;

  /** @param url grpc:, grpcs:, http: or https:, of which only the origin counts */
  constructor(url: URL, token: string | undefined, listener: GrpcListener) {
    this.#url = url;
    this.#headers = {
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
      ...(token !== undefined && { [constants.HTTP2_HEADER_AUTHORIZATION]: `Bearer ${token}` }),
    };
    this.#listener = listener;
  }

  /** Connects. @throws SkeinError 'unavailable' */
  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const session = this.#connect();
      const fail = (error: NodeJS.ErrnoException) => {
        reject(new SkeinError('unavailable', `Cannot reach ${this.#url.host}: ${reasonOf(error)}`, { cause: error }));
      };
      session.once('error', fail);
      // The server's settings come first on every connection: what answers otherwise does not speak HTTP/2.
      session.once('remoteSettings', () => {
        session.off('error', fail);
        resolve();
      });
      session.once('close', () => fail(new Error('it does not speak gRPC') as NodeJS.ErrnoException));
    });
  }

  /** Calls a method. @param framed of {@link frame} */
  send(path: string, framed: Uint8Array): void {
    const session = this.#session ?? this.#connect();
    const stream = session.request({ ...this.#headers, [constants.HTTP2_HEADER_PATH]: path });
    this.#stream = stream;
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('response', (headers, flags) => {
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0 || headers[':status'] !== 200) {
        this.#end(stream, headers, chunks);
      }
    });
    stream.on('trailers', (headers) => this.#end(stream, headers, chunks));
    stream.on('error', (error) => this.#fail(stream, reasonOf(error), session.destroyed));
    stream.on('close', () => this.#fail(stream, 'connection closed by the server', true));
    stream.end(framed);
  }

  /** Fails the call on its way, if there is one, and drops the connection. */
  abort(reason: string): void {
    const stream = this.#stream;
    this.#stream = undefined;
    this.close();
    if (stream !== undefined) this.#listener(reason, undefined, true);
  }

  close(): void {
    const session = this.#session;
    this.#session = undefined;
    this.#stream = undefined;
    session?.destroy();
  }

  #connect(): ClientHttp2Session {
    const secure = this.#url.protocol === 'grpcs:' || this.#url.protocol === 'https:';
    const session = connect(`${secure ? 'https' : 'http'}://${this.#url.host}`);
    // What goes wrong with the connection is told by its streams.
    session.on('error', () => {});
    session.on('close', () => {
      if (this.#session === session) this.#session = undefined;
    });
    this.#session = session;
    return session;
  }

  #end(stream: ClientHttp2Stream, headers: IncomingHttpHeaders, chunks: readonly Buffer[]): void {
    const status = headers['grpc-status'];
    if (status !== '0') {
      const name =
        status === undefined ? `HTTP ${headers[':status']}` : (STATUS_NAMES[Number(status)] ?? String(status));
      const text = headers['grpc-message'];
      this.#fail(stream, text === undefined || text === '' ? name : `${name}: ${decodePercent(String(text))}`, false);
      return;
    }
    const framed = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    if (framed.length < PREFIX_BYTES || framed[0] !== 0 || framed.readUInt32BE(1) !== framed.length - PREFIX_BYTES) {
      this.#fail(stream, 'answer is not one plain gRPC message', false);
    } else if (this.#stream === stream) {
      this.#stream = undefined;
      this.#listener(undefined, framed.subarray(PREFIX_BYTES), false);
    }
  }

  #fail(stream: ClientHttp2Stream, reason: string, lost: boolean): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#listener(reason, undefined, lost);
  }
}

/** A message as it goes over the wire. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(PREFIX_BYTES + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

/** grpc-message is percent-encoded. */
function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
