import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { type Answer, ask, binaryBody, errorOf, floatsOf, readBinary, sendRaw } from '../../../test/http-client.ts';
import { BodyBudget } from '../body-budget.ts';
import { createHttpServer, type HttpServer } from './http-server.ts';

const ROWS = 4000;
const LIMIT_BYTES = 150_000;
let plane: EchoPlane;
let server: HttpServer;
let budget: BodyBudget;
let url: string;

beforeEach(async () => {
  plane = createEchoPlane();
  // Room for two of the bodies below.
  budget = new BodyBudget(LIMIT_BYTES);
  server = await createHttpServer(plane, { bodyBudget: budget });
  url = `${server.url}/v2/models/echo/infer`;
});

afterEach(() => server.close(0));

function large(value: number) {
  const inputs = [{ name: 'input', datatype: 'FP32', shape: [ROWS, 4], parameters: { binary_data_size: ROWS * 16 } }];
  const outputs = [{ name: 'sum', parameters: { binary_data: true } }];
  return binaryBody({ inputs, outputs }, Buffer.from(new Float32Array(ROWS * 4).fill(value).buffer));
}

function expectRefused(answer: Answer): void {
  expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1']);
  expect(errorOf(answer)).toContain(`must not exceed ${LIMIT_BYTES} bytes`);
}

async function holdTwo(): Promise<() => Promise<void>> {
  plane.delayMs = 400;
  const held = [1, 2].map((value) => ask(url, large(value)));
  await expect.poll(() => plane.waiting).toBe(2);
  return async () => {
    const answers = (await Promise.all(held)).map((answer) => floatsOf(readBinary(answer).tensors.get('sum'))[0]);
    expect(answers).toEqual([4, 8]);
  };
}

it('bodies above the limit of all together are refused until others are answered', async () => {
  const answered = await holdTwo();
  expectRefused(await ask(url, large(3)));
  expectRefused(await ask(`${server.url}/v2/models/echo/classify`, { body: Buffer.alloc(50_000) }));
  expectRefused(await ask(url, { ...large(3), headers: { ...large(3).headers, 'Transfer-Encoding': 'chunked' } }));
  await answered();
  await expect.poll(() => budget.heldBytes).toBe(0);
  expect((await ask(url, large(3))).status).toBe(200);
});

it('they are refused before they are sent', async () => {
  const answered = await holdTwo();
  const head = 'POST /v2/models/echo/infer HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 60000\r\n';
  expect(await sendRaw(server.port, `${head}\r\n`, true)).toMatch(/^HTTP\/1\.1 503 [\s\S]*Retry-After: 1/);
  expect(await sendRaw(server.port, `${head}Expect: 100-continue\r\n\r\n`, true)).toMatch(/^HTTP\/1\.1 503 /);
  await answered();
});

it('a body counts by what it is decompressed to', async () => {
  const answered = await holdTwo();
  const body = gzipSync(large(3).body);
  expect(body.length).toBeLessThan(5000);
  expectRefused(await ask(url, { body, headers: { ...large(3).headers, 'Content-Encoding': 'gzip' } }));
  await answered();
});

it('40 large bodies at once: each is answered right or refused, and what is held stays bounded', async () => {
  plane.delayMs = 20;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, budget.heldBytes);
  }, 1);
  const values = Array.from({ length: 40 }, (_, value) => value);
  const statuses = await Promise.all(
    values.map(async (value) => {
      const answer = await ask(url, large(value));
      if (answer.status === 200) {
        expect(floatsOf(readBinary(answer).tensors.get('sum'))).toEqual(Array(ROWS).fill(4 * value));
      } else expectRefused(answer);
      return answer.status;
    }),
  );
  clearInterval(watch);
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  expect(most).toBeLessThanOrEqual(LIMIT_BYTES);
  await expect.poll(() => budget.heldBytes).toBe(0);
});

it('clients that go away in the middle of their bodies, or before their answers, hold nothing any more', async () => {
  plane.delayMs = 60_000;
  const { headers, body } = large(1);
  const send = (part: Buffer) => {
    const sent = request(url, { method: 'POST', headers: { ...headers, 'Content-Length': body.length } });
    sent.on('error', () => {});
    sent.write(part);
    return sent;
  };
  const clients = [send(Buffer.from(body)), send(Buffer.from(body).subarray(0, 30_000))];
  await expect.poll(() => budget.heldBytes).toBe(body.length + 30_000);
  for (const client of clients) client.destroy();
  await expect.poll(() => budget.heldBytes).toBe(0);
});
