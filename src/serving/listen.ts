/** Both protocols listen in the same way, with the same words where they cannot. */
import type { AddressInfo, Server } from 'node:net';
import { SkeinError } from '../base/index.ts';

/**
 * @param port 0: a free one
 * @returns the port
 * @throws SkeinError 'unavailable'
 */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    const inUse = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
    const advice = inUse ? 'another program listens there, choose another port (0: a free one)' : String(error);
    throw new SkeinError('unavailable', `Cannot listen on ${host}:${port}: ${advice}`, { cause: error });
  }
  return (server.address() as AddressInfo).port;
}
