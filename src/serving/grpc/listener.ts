/**
 * The port of a gRPC server and every connection on it, also those that never speak HTTP/2 or never close: grpc-js ends
 * sessions politely and then waits for the other side.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { listen } from '../listen.ts';

export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** @param take serves a connection */
  constructor(take: (socket: Socket) => void) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      // Whoever serves it hears of errors too; without it those of a connection that nobody serves yet would be thrown.
      socket.on('error', () => {});
      take(socket);
    });
  }

  /** @returns the port. @throws SkeinError 'unavailable' */
  listen(host: string, port: number): Promise<number> {
    return listen(this.#server, host, port);
  }

  /** Takes no new connections. */
  close(): void {
    this.#server.close();
  }

  /** Ends the connections that there are. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
