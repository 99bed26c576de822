import { status as Status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { echoRequest, outputsOf, TestClient } from '../../../test/grpc-client.ts';
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
});
