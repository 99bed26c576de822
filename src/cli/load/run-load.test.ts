import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type FakeServer, startFakeServer } from '../../../test/fake-server.ts';
import { classOfClassification, httpRequest, httpWorkload } from './http-workload.ts';
import type { Workload } from './load-connection.ts';
import { runLoad } from './run-load.ts';

let server: FakeServer | undefined;
let bare: Server | undefined;
afterEach(async () => {
  await server?.close();
  bare?.close();
  server = undefined;
  bare = undefined;
});

/** One request for each class, whose bodies name it. */
function workloadOf(url: URL, classes: readonly number[], labels: readonly number[] = classes): Workload {
  const requests = classes.map((topClass) =>
    httpRequest(url, { path: '/v2/models/echo/classify', headers: {}, body: Uint8Array.of(topClass) }),
  );
  return httpWorkload({ server: { url }, requests, readClass: classOfClassification, labels: Int32Array.from(labels) });
}

describe('runLoad in a closed loop', () => {
  it('sends exactly as many requests as asked, in their order, over as many connections', async () => {
    server = await startFakeServer();
    const result = await runLoad(workloadOf(server.url, [0, 1, 2, 3]), { connections: 3, requests: 30, warmupMs: 0 });
    expect(result).toMatchObject({ sent: 30, ok: 30, failed: 0, errors: {}, top1: 1 });
    expect(server.connections).toBe(3);
    const counts = [0, 1, 2, 3].map(
      (topClass) => server?.requests.slice(-30).filter(({ body }) => body[0] === topClass).length,
    );
    expect(counts).toEqual([8, 8, 7, 7]);
    expect(result.throughput).toBeCloseTo(30 / result.seconds, 6);
  });

  it('checks each answer against the label of its own request', async () => {
    server = await startFakeServer();
    const workload = workloadOf(server.url, [0, 1, 2, 3], [0, 1, 1, -1]);
    const result = await runLoad(workload, { connections: 2, requests: 8, warmupMs: 0 });
    expect(result.top1).toBeCloseTo(2 / 3, 12);
  });

  it('leaves the warm-up out', async () => {
    server = await startFakeServer();
    const result = await runLoad(workloadOf(server.url, [0]), { connections: 1, requests: 5, warmupMs: 100 });
    expect(result.sent).toBe(5);
    expect(server.requests.length).toBeGreaterThan(5);
  });

  it('ends with its window and counts the answers inside it', async () => {
    server = await startFakeServer();
    const result = await runLoad(workloadOf(server.url, [0]), { connections: 2, durationMs: 300, warmupMs: 50 });
    expect(result.seconds).toBe(0.3);
    expect(result.ok).toBe(result.sent);
    expect(Math.abs(result.throughput * 0.3 - result.ok)).toBeLessThanOrEqual(2);
  });

  it('counts refusals by their reason', async () => {
    let count = 0;
    server = await startFakeServer((_, response) => {
      if (++count % 2 === 0) return false;
      const body = JSON.stringify({ error: 'the queue is full' });
      response.writeHead(503, { 'content-length': body.length }).end(body);
      return true;
    });
    const result = await runLoad(workloadOf(server.url, [1]), { connections: 1, requests: 10, warmupMs: 0 });
    expect(result).toMatchObject({ sent: 10, ok: 5, failed: 5, errors: { 'HTTP 503: the queue is full': 5 } });
  });

  it('connects again after a lost connection, and counts only what was lost', async () => {
    let count = 0;
    server = await startFakeServer((_, response) => {
      if (++count !== 2) return false;
      response.socket?.destroy();
      return true;
    });
    const result = await runLoad(workloadOf(server.url, [1]), { connections: 1, requests: 5, warmupMs: 0 });
    expect(result).toMatchObject({ sent: 5, ok: 4, failed: 1 });
    expect(Object.keys(result.errors)[0]).toMatch(/^connection (closed by the server|reset)$/);
    expect(server.connections).toBe(2);
  });

  it('reads an answer that comes in pieces', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"class": 2}';
    bare = createServer((socket) => {
      socket.setNoDelay(true);
      socket.on('data', async () => {
        for (const piece of [answer.slice(0, 9), answer.slice(9, 30), answer.slice(30, 46), answer.slice(46)]) {
          socket.write(piece);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      });
    });
    await new Promise<void>((resolve) => bare?.listen(0, '127.0.0.1', resolve));
    const url = new URL(`http://127.0.0.1:${(bare.address() as { port: number }).port}`);
    const result = await runLoad(workloadOf(url, [2]), { connections: 1, requests: 3, warmupMs: 0 });
    expect(result).toMatchObject({ ok: 3, failed: 0, top1: 1 });
  });

  it('gives up a request that is never answered', async () => {
    server = await startFakeServer(() => true);
    const result = await runLoad(workloadOf(server.url, [1]), {
      connections: 1,
      requests: 1,
      warmupMs: 0,
      timeoutMs: 100,
    });
    expect(result).toMatchObject({ sent: 1, failed: 1, errors: { 'no answer in time': 1 } });
    expect(result.latencyMs.p50).toBeNull();
  });

  it('says that the server cannot be reached', async () => {
    server = await startFakeServer();
    const workload = workloadOf(server.url, [0]);
    await server.close();
    await expect(runLoad(workload, { connections: 2, requests: 1 })).rejects.toMatchObject({
      code: 'unavailable',
      message: `Cannot reach ${server.url.origin}: connection refused; is the server running?`,
    });
  });

  it('stops when told', async () => {
    server = await startFakeServer();
    const signal = AbortSignal.timeout(100);
    const running = runLoad(workloadOf(server.url, [0]), { connections: 1, durationMs: 60_000, signal });
    await expect(running).rejects.toMatchObject({ name: 'TimeoutError' });
  });
});

describe('runLoad in an open loop', () => {
  it('sends what arrives and nothing more', async () => {
    server = await startFakeServer();
    const result = await runLoad(workloadOf(server.url, [0, 1, 2, 3]), {
      connections: 4,
      rate: 1000,
      requests: 100,
      warmupMs: 0,
    });
    expect(result).toMatchObject({ sent: 100, ok: 100, top1: 1 });
  });

  it('charges a stall of the server to everyone who had to wait (no coordinated omission)', async () => {
    let stalled = false;
    server = await startFakeServer((_, response) => {
      if (stalled) return false;
      stalled = true;
      const body = '{"class": 0}';
      setTimeout(() => response.writeHead(200, { 'content-length': body.length }).end(body), 400);
      return true;
    });
    const result = await runLoad(workloadOf(server.url, [0]), {
      connections: 1,
      rate: 500,
      requests: 200,
      warmupMs: 0,
    });
    // All 200 were due within the 400 ms of the stall: timed from their sending, all but one would take a millisecond.
    expect(result.latencyMs.p50).toBeGreaterThan(100);
  });

  it('does not send what has waited for a connection longer than an answer may take', async () => {
    server = await startFakeServer(() => true);
    const result = await runLoad(workloadOf(server.url, [0]), {
      connections: 1,
      rate: 2000,
      requests: 20,
      warmupMs: 0,
      timeoutMs: 300,
    });
    expect(result).toMatchObject({ failed: 20, errors: { 'no answer in time': 20 } });
    expect(server.requests.length).toBeLessThan(5);
  });

  it('fails arrivals beyond those that may wait', async () => {
    server = await startFakeServer(() => true);
    const result = await runLoad(workloadOf(server.url, [0]), {
      connections: 1,
      rate: 1000,
      requests: 50,
      warmupMs: 0,
      waiting: 2,
      timeoutMs: 300,
    });
    expect(result.errors['too many requests waited for a free connection']).toBe(47);
    expect(result.failed).toBe(50);
  });
});
