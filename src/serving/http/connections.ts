/**
 * The connections of a server, so that it can drain: what was accepted is answered, what is idle is closed at once. Node
 * knows idle connections only once they had a request; a fresh one without any is known here.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { sendParserError } from './error-response.ts';

const IDLE_CHECK_MS = 50;

export class Connections {
  /** The last response of each open connection; undefined before its first request. */
  readonly #last = new Map<Socket, ServerResponse | undefined>();
  /** As accepted: the same sockets, or the ones below TLS. */
  readonly #accepted = new Set<Socket>();
  #server: Server | undefined;
  #draining = false;

  watch(server: Server, secure: boolean): void {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#accepted.add(socket);
      socket.once('close', () => this.#accepted.delete(socket));
    });
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#last.set(socket, undefined);
      socket.once('close', () => this.#last.delete(socket));
    });
  }

  /** To be called for each request before it is handled. */
  began(request: IncomingMessage, response: ServerResponse): void {
    this.#last.set(request.socket, response);
    if (this.#draining) response.shouldKeepAlive = false;
  }

  /**
   * To be called for what node's parser rejects or gives up on. Bytes that are no HTTP must not be answered in place of
   * an earlier request on the same connection that still waits for its own answer: that comes, and then the end.
   */
  failed(error: NodeJS.ErrnoException, socket: Socket): void {
    const last = this.#last.get(socket);
    const waiting = last !== undefined && !last.writableFinished;
    if (error.code === 'ECONNRESET' || socket.destroyed) socket.destroy();
    else if (!waiting) sendParserError(socket, error);
    // The fault lies in the body of the request itself, or behind it.
    else if (last.req.complete) last.shouldKeepAlive = false;
    else if (last.headersSent) socket.destroy();
    else sendParserError(socket, error);
  }

  /**
   * Stops accepting, answers what was accepted, and destroys what is still unanswered after `graceMs`.
   * @returns how many connections with an unanswered request were destroyed
   */
  async drain(graceMs: number): Promise<number> {
    this.#draining = true;
    this.#server?.close();
    for (const [socket, response] of this.#last) {
      if (response === undefined) socket.destroy();
      else if (!response.headersSent) response.shouldKeepAlive = false;
    }
    const deadline = performance.now() + graceMs;
    while (this.#last.size > 0 && performance.now() < deadline) {
      this.#server?.closeIdleConnections();
      await new Promise((resolve) => setTimeout(resolve, Math.min(IDLE_CHECK_MS, deadline - performance.now())));
    }
    const cutOff = this.#last.size;
    for (const socket of [...this.#last.keys(), ...this.#accepted]) socket.destroy();
    return cutOff;
  }
}
