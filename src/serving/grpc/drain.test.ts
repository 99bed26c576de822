import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { status as Status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { echoRequest, outputsOf, TestClient } from '../../../test/grpc-client.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../../test/tls.ts';
import { createGrpcServer, type GrpcServer } from './grpc-server.ts';

let plane: EchoPlane;
let server: GrpcServer;
let client: TestClient;

beforeEach(async () => {
  plane = createEchoPlane();
  server = await createGrpcServer(plane);
  client = new TestClient(server.port);
});

afterEach(async () => {
  client.close();
  await server.close(0);
});

describe('close()', () => {
  it('answers what was accepted, then refuses', async () => {
    plane.delayMs = 200;
    const asked = client.call('modelInfer', echoRequest([1, 2, 3, 4]));
    await expect.poll(() => plane.waiting).toBe(1);
    const closed = server.close(5000);
    expect(outputsOf(await asked).sum).toEqual([10]);
    expect(await closed).toBe(0);
    await expect(client.call('serverLive', {}, { deadline: Date.now() + 500 })).rejects.toThrow();
  });

  it('ends open streams after their answers, without waiting for the client', async () => {
    plane.delayMs = 100;
    const stream = client.stream();
    stream.write(echoRequest([1, 2, 3, 4], 'last'));
    await expect.poll(() => plane.waiting).toBe(1);
    const closed = server.close(5000);
    const ids: (string | undefined)[] = [];
    const end = (async () => {
      for await (const { inferResponse } of stream) ids.push(inferResponse?.id);
    })();
    await expect(end).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect([ids, await closed]).toEqual([['last'], 0]);
  });

  it.each([true, false])('cuts off after the grace and says how many, on bare streams: %s', async (bareStreams) => {
    await server.close(0);
    server = await createGrpcServer(plane, { bareStreams });
    client = new TestClient(server.port);
    plane.delayMs = 60_000;
    const asked = [1, 2].map((number) => client.call('modelInfer', echoRequest([number, 0, 0, 0])));
    const failed = Promise.allSettled(asked);
    await expect.poll(() => plane.waiting).toBe(2);
    expect(await server.close(100)).toBe(2);
    expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect.poll(() => plane.aborted).toBe(2);
  });

  it.each([
    ['plain', {}],
    ['TLS', { tls: { cert: TEST_CERTIFICATE, key: TEST_KEY } }],
  ])('ends connections that never speak nor close, %s, and answers what was accepted', async (_, options) => {
    const silent: Socket[] = [];
    // Long enough for what is accepted to outlast the moment that others get.
    plane.delayMs = 2500;
    try {
      await server.close(0);
      server = await createGrpcServer(plane, options);
      client = new TestClient(server.port, 'tls' in options ? { tlsRoot: TEST_CERTIFICATE } : {});
      const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
      silent.push(socket);
      const ended = new Promise((resolve) => socket.on('end', resolve).on('error', resolve).resume());
      await new Promise((resolve) => socket.on('connect', resolve));
      const asked = client.call('modelInfer', echoRequest([1, 2, 3, 4]));
      await expect.poll(() => plane.waiting).toBe(1);
      const closed = server.close(60_000);
      expect(outputsOf(await asked).sum).toEqual([10]);
      expect(await closed).toBe(0);
      await ended;
    } finally {
      for (const socket of silent) socket.destroy();
    }
  });

  it('gives calls that stop half-way a moment, and does not count them', async () => {
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    session.on('error', () => {});
    const path = '/inference.GRPCInferenceService/';
    for (const method of ['ModelInfer', 'ModelStreamInfer', 'ServerLive']) {
      const headers = { ':method': 'POST', ':path': path + method, 'content-type': 'application/grpc', te: 'trailers' };
      const stream = session.request(headers);
      stream.on('error', () => {});
      stream.write(Buffer.from([0, 0, 0, 0, 100, 1]));
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    try {
      expect(await server.close(60_000)).toBe(0);
    } finally {
      session.destroy();
    }
  });
});
