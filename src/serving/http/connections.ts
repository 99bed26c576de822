/**
 * The connections of a server, so that it can drain: a request whose body has arrived is accepted and is answered, one
 * still under way gets a moment, and so does what is idle, where a client that knows of nothing may just be sending one.
 * Node knows neither which is which nor fresh connections.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { ARRIVAL_MS, waitUntil } from '../drain.ts';
import { sendParserError } from './error-response.ts';

/** How long an idle connection is kept when the server drains, for a request that was sent before the client could know. */
const IDLE_MS = 200;

/** How long a client that sends no more waits before it is asked whether it is still there. */
const PROBE_MS = 20;

interface Connection {
  /** The last response; undefined before the first request. */
  last: ServerResponse | undefined;
  /** Those before it that were unanswered when it came: pipelined requests. */
  earlier: readonly ServerResponse[];
}

const isOpen = (response: ServerResponse): boolean => !response.writableFinished;
const isAccepted = (response: ServerResponse): boolean => response.req.complete;

/** The unanswered requests, in their order. */
function unanswered({ last, earlier }: Connection): readonly ServerResponse[] {
  return last === undefined ? [] : [...earlier, last].filter(isOpen);
}

export class Connections {
  readonly #open = new Map<Socket, Connection>();
  /** As accepted: the same sockets, or the ones below TLS. */
  readonly #accepted = new Set<Socket>();
  #server: Server | undefined;
  #draining = false;

  watch(server: Server, secure: boolean): void {
    this.#server = server;
    // A client may say that it has sent everything before it has its answer (`nc -N`).
    (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
    server.on('connection', (socket: Socket) => {
      this.#accepted.add(socket);
      socket.once('close', () => this.#accepted.delete(socket));
    });
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
      const connection: Connection = { last: undefined, earlier: [] };
      this.#open.set(socket, connection);
      socket.once('end', () => askAgain(connection, PROBE_MS));
      socket.once('close', () => {
        this.#open.delete(socket);
        for (const response of unanswered(connection)) endUnsent(response);
      });
    });
  }

  /** To be called for each request before it is handled. */
  began(request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#open.get(request.socket);
    if (connection === undefined) return;
    const { last } = connection;
    const pipelined = last !== undefined && isOpen(last);
    if (pipelined || connection.earlier.length > 0) connection.earlier = unanswered(connection);
    connection.last = response;
    if (!this.#draining) return;
    if (pipelined && !last.headersSent) last.shouldKeepAlive = true;
    response.shouldKeepAlive = false;
  }

  /**
   * To be called for what node's parser rejects or gives up on. Bytes that are no HTTP must not be answered in place of
   * an earlier request on the same connection that still waits for its own answer: that comes, and then the end.
   */
  failed(error: NodeJS.ErrnoException, socket: Socket): void {
    const last = this.#open.get(socket)?.last;
    if (error.code === 'ECONNRESET' || socket.destroyed) socket.destroy();
    else if (last === undefined || !isOpen(last)) sendParserError(socket, error);
    // The fault lies behind the request: too late to say in its answer that the connection ends.
    else if (last.req.complete && last.headersSent) last.once('finish', () => sendParserError(socket, error));
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
    // That of http would destroy connections whose answers are not all sent.
    if (this.#server !== undefined) NetServer.prototype.close.call(this.#server);
    for (const { last } of this.#open.values()) if (last?.headersSent === false) last.shouldKeepAlive = false;
    await waitUntil((waitedMs) => {
      for (const [socket, connection] of this.#open) {
        const open = unanswered(connection);
        const patienceMs = open.length === 0 ? IDLE_MS : open.some(isAccepted) ? graceMs : ARRIVAL_MS;
        if (waitedMs >= patienceMs) socket.destroy();
      }
      return this.#open.size === 0;
    }, graceMs);
    const cutOff = [...this.#open.values()].filter((connection) => unanswered(connection).some(isAccepted)).length;
    for (const socket of [...this.#open.keys(), ...this.#accepted]) socket.destroy();
    return cutOff;
  }
}

/**
 * A client that closes its connection looks like one that only sends no more, until something is sent to it: then its
 * system resets the connection, which the next thing sent finds out. An interim response may be sent at any time before
 * the answer (RFC 9110, 15.2).
 */
function askAgain(connection: Connection, afterMs: number): void {
  const ask = (): void => {
    const [first] = unanswered(connection);
    if (first === undefined || first.destroyed || first.headersSent || first.req.httpVersion !== '1.1') return;
    first.writeContinue();
    askAgain(connection, 2 * afterMs);
  };
  setTimeout(ask, afterMs).unref();
}

/** Node closes only the response whose turn it is; those behind it would never hear that their connection has gone. */
function endUnsent(response: ServerResponse): void {
  if (response.socket !== null || response.destroyed) return;
  response.destroyed = true;
  response.emit('close');
}
