/**
 * One keep-alive HTTP/1.1 connection for a load generator: writes requests that were built beforehand and reads status
 * and body of the answer, which must carry Content-Length. No pipelining, no redirects, no chunked answers.
 *
 * Bare sockets instead of a library, because the generator shares the cores with the server that it measures: a request
 * of 12 KB costs 14 µs of CPU time here, 55 to 70 with undici's dispatch and 75 to 135 with its request().
 */
import { ByteConnection } from './byte-connection.ts';
import type { ServerAddress } from './server-address.ts';

/** Head and body share memory with the next answer: read them before the callback returns. */
export interface HttpAnswer {
  readonly status: number;
  /** Status line and headers without the empty line after them. */
  readonly head: string;
  readonly body: Buffer;
}

/** Either `failure` or `answer` is there. */
export type HttpListener = (failure: string | undefined, answer: HttpAnswer | undefined) => void;

const END_OF_HEAD = Buffer.from('\r\n\r\n');
const MOST_HEAD_BYTES = 64 * 1024;

export class HttpSocket {
  readonly #server: ServerAddress;
  readonly #listener: HttpListener;
  #connection: ByteConnection | undefined;
  /** The beginning of an answer that came in pieces. */
  #pieces: Buffer | undefined;
  #waiting = false;

  /** @param server its requests say themselves what token they carry */
  constructor(server: ServerAddress, listener: HttpListener) {
    this.#server = server;
    this.#listener = listener;
  }

  /** Connects. @throws SkeinError 'unavailable' */
  async open(): Promise<void> {
    await this.#connect().connected;
  }

  /** Sends a whole request, head and body. */
  send(request: Uint8Array): void {
    const connection = this.#connection ?? this.#connect();
    this.#waiting = true;
    connection.write(request);
  }

  /** Fails the request on its way, if there is one, and drops the connection. */
  abort(reason: string): void {
    this.close();
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#listener(reason, undefined);
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#pieces = undefined;
  }

  #connect(): ByteConnection {
    this.#connection = new ByteConnection(this.#server, 'http/1.1', {
      onBytes: (bytes) => this.#read(bytes),
      onLost: (reason) => this.abort(reason),
    });
    return this.#connection;
  }

  #read(chunk: Buffer): void {
    const bytes = this.#pieces === undefined ? chunk : Buffer.concat([this.#pieces, chunk]);
    if (this.#waiting) this.#readAnswer(bytes, chunk);
    else this.close();
  }

  #readAnswer(bytes: Buffer, chunk: Buffer): void {
    const headBytes = bytes.indexOf(END_OF_HEAD);
    if (headBytes < 0) {
      if (bytes.length > MOST_HEAD_BYTES) this.abort('answer is not HTTP');
      else this.#keep(bytes, chunk);
      return;
    }
    const head = bytes.toString('latin1', 0, headBytes);
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (status === undefined || length === undefined) {
      this.abort(status === undefined ? 'answer is not HTTP' : 'answer without Content-Length');
      return;
    }
    const start = headBytes + END_OF_HEAD.length;
    const end = start + Number(length);
    if (bytes.length < end) {
      this.#keep(bytes, chunk);
      return;
    }
    this.#pieces = undefined;
    this.#waiting = false;
    if (/\r\nconnection: *close/i.test(head)) this.close();
    this.#listener(undefined, { status: Number(status), head, body: bytes.subarray(start, end) });
  }

  #keep(bytes: Buffer, chunk: Buffer): void {
    this.#pieces = bytes === chunk ? Buffer.from(chunk) : bytes;
  }
}
