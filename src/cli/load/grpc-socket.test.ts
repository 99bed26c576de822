import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEchoPlane } from '../../../test/echo-plane.ts';
import { decodeInferResponse, encodeInferRequest, methodPath } from '../../serving/grpc/client.ts';
import { createGrpcServer, type GrpcServer } from '../../serving/grpc/index.ts';
import { frame, GrpcSocket } from './grpc-socket.ts';

let server: GrpcServer;
let bare: Server | undefined;
beforeEach(async () => {
  server = await createGrpcServer(createEchoPlane());
});
afterEach(async () => {
  await server.close(0);
  bare?.close();
});

interface Caller {
  readonly socket: GrpcSocket;
  call(framed: Uint8Array): Promise<{ failure?: string; message?: Uint8Array }>;
}

function callerOf(port: number): Caller {
  let answered: (answer: { failure?: string; message?: Uint8Array }) => void = () => {};
  const socket = new GrpcSocket({ url: new URL(`grpc://127.0.0.1:${port}`) }, (failure, message) =>
    answered({ ...(failure !== undefined && { failure }), ...(message !== undefined && { message }) }),
  );
  return {
    socket,
    call: (framed) =>
      new Promise((resolve) => {
        answered = resolve;
        socket.send(methodPath('ModelInfer'), framed);
      }),
  };
}

/** The echo model answers rows of four with their doubles. */
function rowsOf(rows: number, first: number): { framed: Uint8Array; doubled: Float32Array } {
  const values = Float32Array.from({ length: rows * 4 }, (_, i) => first + i);
  const input = { name: 'input', datatype: 'FP32', shape: [rows, 4] };
  const raw = new Uint8Array(values.buffer);
  const framed = frame(encodeInferRequest({ model: 'echo', input, raw, output: 'double' }));
  return { framed, doubled: values.map((value) => 2 * value) };
}

async function expectDoubled(caller: Caller, rows: number, first: number): Promise<void> {
  const { framed, doubled } = rowsOf(rows, first);
  const { failure, message } = await caller.call(framed);
  expect(failure).toBeUndefined();
  const [raw] = decodeInferResponse(message as Uint8Array);
  expect(new Float32Array(new Uint8Array(raw as Uint8Array).buffer)).toEqual(doubled);
}

describe('GrpcSocket', () => {
  it('calls over one connection again and again', async () => {
    const caller = callerOf(server.port);
    await caller.socket.open();
    for (let i = 0; i < 50; i++) await expectDoubled(caller, 2, i);
    caller.socket.close();
  });

  it('keeps to the windows of the server with messages larger than they are', async () => {
    const caller = callerOf(server.port);
    await caller.socket.open();
    // 320 KB each way; the windows begin with 64 KiB.
    await expectDoubled(caller, 20_000, 0.5);
    await expectDoubled(caller, 20_000, 7);
    caller.socket.close();
  });

  it('tells a refusal and goes on', async () => {
    const caller = callerOf(server.port);
    await caller.socket.open();
    const input = { name: 'other', datatype: 'FP32', shape: [1, 4] };
    const wrong = encodeInferRequest({ model: 'echo', input, raw: new Uint8Array(16), output: 'double' });
    const { failure } = await caller.call(frame(wrong));
    expect(failure).toMatch(/^INVALID_ARGUMENT: .*'other'/);
    await expectDoubled(caller, 1, 3);
    caller.socket.close();
  });

  it('connects again when the server has gone and come back', async () => {
    const caller = callerOf(server.port);
    await caller.socket.open();
    await expectDoubled(caller, 1, 1);
    const { port } = server;
    await server.close(0);
    server = await createGrpcServer(createEchoPlane(), { port });
    // The first may find the old connection closing.
    const { failure } = await caller.call(rowsOf(1, 2).framed);
    expect(failure ?? 'none').toMatch(/^(none|connection|server goes away)/);
    await expectDoubled(caller, 1, 3);
    caller.socket.close();
  });

  it.each([
    ['garbage', Buffer.alloc(64, 0xff)],
    ['HTTP/1.1', Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')],
  ])('says that a server which greets with %s does not speak gRPC', async (_, greeting) => {
    bare = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(greeting);
    });
    await new Promise<void>((resolve) => bare?.listen(0, '127.0.0.1', resolve));
    const { socket } = callerOf((bare.address() as { port: number }).port);
    await expect(socket.open()).rejects.toMatchObject({ code: 'unavailable', message: /does not speak gRPC/ });
  });
});
