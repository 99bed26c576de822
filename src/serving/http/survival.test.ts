import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import {
  type Answer,
  type Asked,
  binaryBody,
  errorOf,
  floatBytes,
  floatsOf,
  readBinary,
  sendRaw,
} from '../../../test/http-client.ts';
import { garbageHttp, malformed } from '../../../test/malformed.ts';
import { Random } from '../../base/index.ts';
import { createHttpServer, type HttpServer, type HttpServerOptions } from './http-server.ts';

let plane: EchoPlane;
let server: HttpServer;
let agent: Agent;

async function restart(options: HttpServerOptions): Promise<void> {
  await server?.close(0);
  plane = createEchoPlane();
  server = await createHttpServer(plane, options);
}

beforeEach(async () => {
  agent = new Agent({ keepAlive: true });
  await restart({});
});

afterEach(async () => {
  agent.destroy();
  await server.close(0);
});

/** Sends on kept-alive connections, so that what one request leaves behind would meet the next. */
function send({ headers = {}, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(`${server.url}/v2/models/echo/infer`, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A good request of random size; throws unless the answer is its own. */
async function checkedRequest(random: Random): Promise<void> {
  const rows = 1 + random.integer(50);
  const values = Array.from({ length: rows * 4 }, () => random.integer(1000));
  const id = `good-${random.uint32()}`;
  const inputs = [{ name: 'input', datatype: 'FP32', shape: [rows, 4], parameters: { binary_data_size: rows * 16 } }];
  const outputs = [{ name: 'double', parameters: { binary_data: true } }];
  const { json, tensors } = readBinary(await send(binaryBody({ id, inputs, outputs }, floatBytes(values))));
  expect(json.id).toBe(id);
  expect(floatsOf(tensors.get('double'))).toEqual(values.map((value) => 2 * value));
}

async function inParallel(workers: number, times: number, work: (random: Random) => Promise<void>): Promise<void> {
  const one = async (seed: number): Promise<void> => {
    const random = new Random(seed);
    for (let count = 0; count < times; count++) await work(random);
  };
  await Promise.all(Array.from({ length: workers }, (_, seed) => one(seed)));
}

describe('malformed requests', () => {
  it('8,000 of them are each refused by name, and good ones beside them get their own answers', async () => {
    const refused = new Map<string, number>();
    const before = process.memoryUsage().rss;
    const bad = inParallel(8, 1000, async (random) => {
      const asked = malformed(random);
      const answer = await send(asked);
      if (answer.status === 200 && !asked.mustFail) return;
      const { kind } = asked;
      expect([kind, answer.status >= 400 && answer.status < 500, answer.body.toString()]).toEqual([
        kind,
        true,
        expect.stringMatching(/^\{"error":"[^\n]{10,1200}"\}$/),
      ]);
      errorOf(answer);
      refused.set(kind, (refused.get(kind) ?? 0) + 1);
    });
    await Promise.all([bad, inParallel(4, 250, checkedRequest)]);
    expect(refused.size).toBe(19);
    expect(Math.min(...refused.values())).toBeGreaterThan(100);
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(250);
  });

  it('1,000 connections with garbage are each told or closed, and good requests beside them are answered', async () => {
    const bad = inParallel(20, 50, async (random) => {
      const received = await sendRaw(server.port, garbageHttp(random), false);
      expect(received).toMatch(/^(HTTP\/1\.1 4\d\d [\s\S]*\{"error":"[^\n]+"\})*$/);
    });
    await Promise.all([bad, inParallel(4, 100, checkedRequest)]);
  });

  it('300 requests cut off in the middle leave nothing behind', async () => {
    const { headers, body } = binaryBody({ inputs: [] }, Buffer.alloc(5000));
    const length = headers['Inference-Header-Content-Length'];
    const head = `POST /v2/models/echo/infer HTTP/1.1\r\nHost: a\r\nInference-Header-Content-Length: ${length}\r\n`;
    const whole = Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body as Buffer]);
    const cut = inParallel(10, 30, (random) => {
      const socket = connect(server.port, '127.0.0.1');
      const some = whole.subarray(0, 1 + random.integer(whole.length - 1));
      return new Promise((resolve) => {
        socket.on('connect', () =>
          socket.write(some, () => (random.integer(2) === 0 ? socket.destroy() : socket.end())),
        );
        socket.on('error', () => {});
        socket.on('close', () => resolve());
        socket.resume();
      });
    });
    await Promise.all([cut, inParallel(2, 100, checkedRequest)]);
    agent.destroy();
    expect(await server.close(2000)).toBe(0);
    expect(plane.seen.every(({ inputs }) => inputs.length === 1)).toBe(true);
  });
});

describe('a connection', () => {
  it('whose headers never end is closed with 408', async () => {
    await restart({ headersTimeoutMs: 200 });
    const received = await sendRaw(server.port, 'POST /v2/models/echo/infer HTTP/1.1\r\nX-Slow: ', true);
    expect(received).toMatch(/^HTTP\/1\.1 408 [\s\S]*\{"error":"The request did not arrive in time[^"]*"\}$/);
  });

  it('whose body never ends is closed with 408', async () => {
    await restart({ requestTimeoutMs: 300 });
    const head = 'POST /v2/models/echo/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{';
    expect(await sendRaw(server.port, head, true)).toMatch(/^HTTP\/1\.1 408 [\s\S]*"\}$/);
  });

  it('with headers above 16 KiB is told so', async () => {
    const received = await sendRaw(server.port, `GET / HTTP/1.1\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, true);
    expect(received).toMatch(/^HTTP\/1\.1 431 [\s\S]*\{"error":"[^"]*16 KiB"\}$/);
  });

  it('gets the answer to its good request and is then closed for the garbage behind it', async () => {
    plane.delayMs = 100;
    const body = JSON.stringify({ inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }] });
    const good = `POST /v2/models/echo/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const received = await sendRaw(server.port, `${good}GARBAGE\r\n\r\n`, true);
    expect(received).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*"data":\[10\]\}\]\}$/);
  });
});
