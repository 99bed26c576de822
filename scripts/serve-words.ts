/** What the words after `npm start --` mean to `skein serve`, known before the work that comes first. */
import { createServer } from 'node:net';
import { SkeinError } from '../src/base/index.ts';
import { serveCommand } from '../src/cli/serve.ts';

interface Addresses {
  readonly host: string;
  readonly port: number;
  readonly grpcPort: number;
  readonly grpc: boolean;
}

/** Where the server will listen; undefined for words that it will not serve with, such as --help. */
export function addressesOf(words: readonly string[]): Addresses | undefined {
  const command = serveCommand()
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  try {
    const { operands, unknown } = command.parseOptions([...words]);
    return operands.length + unknown.length === 0 ? command.opts<Addresses>() : undefined;
  } catch {
    return undefined;
  }
}

/** @throws SkeinError 'unavailable' if one of the ports cannot be had */
export async function checkPorts({ host, port, grpcPort, grpc }: Addresses): Promise<void> {
  await checkPort(host, port, '--port');
  if (grpc) await checkPort(host, grpcPort, '--grpc-port');
}

function checkPort(host: string, port: number, option: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'the port is taken' : error.message;
      const advice = `choose another: npm start -- ${option} <n>`;
      reject(new SkeinError('unavailable', `Cannot listen on ${host}:${port}: ${why}; ${advice}`, { cause: error }));
    });
    server.listen(port, host, () => server.close(() => resolve()));
  });
}
