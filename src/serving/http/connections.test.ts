import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { createHttpServer, type HttpServer } from './http-server.ts';

let plane: EchoPlane;
let server: HttpServer;
const sockets: Socket[] = [];

beforeEach(async () => {
  plane = createEchoPlane();
  server = await createHttpServer(plane);
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.close(0);
});

const BODY = JSON.stringify({ inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }] });
const REQUEST = `POST /v2/models/echo/infer HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;

interface Connection {
  readonly socket: Socket;
  received: string;
  readonly closed: Promise<string>;
}

async function open(bytes = ''): Promise<Connection> {
  const socket = connect(server.port, '127.0.0.1');
  sockets.push(socket);
  const connection: Connection = {
    socket,
    received: '',
    closed: new Promise((resolve) => socket.on('close', () => resolve(connection.received))),
  };
  socket.setEncoding('latin1');
  socket.on('data', (chunk) => {
    connection.received += chunk;
  });
  socket.on('error', () => {});
  await new Promise<void>((resolve) => socket.on('connect', () => socket.write(bytes, () => resolve())));
  return connection;
}

it('close() closes connections without a request at once, used ones and fresh ones', async () => {
  const fresh = await open();
  const used = await open(REQUEST);
  const tls = await open('\x16\x03');
  await expect.poll(() => used.received).toContain('"data":[10]');
  const start = performance.now();
  expect(await server.close(10_000)).toBe(0);
  expect(performance.now() - start).toBeLessThan(2000);
  await Promise.all([fresh.closed, used.closed, tls.closed]);
});

it('close() answers a request that an idle connection was just sending, and says that it is the last', async () => {
  const used = await open(REQUEST);
  await expect.poll(() => used.received).toContain('"data":[10]');
  used.received = '';
  const closing = server.close(10_000);
  used.socket.write(REQUEST);
  expect(await used.closed).toMatch(/connection: close/i);
  expect(used.received).toContain('"data":[10]');
  expect(await closing).toBe(0);
});

it('close() answers what was accepted and then closes those connections', async () => {
  plane.delayMs = 300;
  const accepted = await Promise.all([open(REQUEST), open(REQUEST)]);
  await expect.poll(() => plane.waiting).toBe(2);
  const closed = server.close(10_000);
  for (const connection of accepted) {
    const answer = await connection.closed;
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close[\s\S]*"data":\[10\]/);
  }
  expect(await closed).toBe(0);
});

it('close() takes the rest of a request whose beginning was accepted', async () => {
  const half = await open(REQUEST.slice(0, -10));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const closed = server.close(10_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  half.socket.write(REQUEST.slice(-10));
  expect(await half.closed).toContain('"data":[10]');
  expect(await closed).toBe(0);
});

it('close() refuses new connections', async () => {
  plane.delayMs = 200;
  await open(REQUEST);
  await expect.poll(() => plane.waiting).toBe(1);
  const closed = server.close(10_000);
  const late = await new Promise((resolve) => {
    connect(server.port, '127.0.0.1')
      .on('connect', () => resolve('connected'))
      .on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  expect(late).toBe('ECONNREFUSED');
  await closed;
});

it('close() cuts off what is unanswered after the grace, aborts it, and says how many', async () => {
  plane.delayMs = 60_000;
  const cut = await Promise.all([open(REQUEST), open(REQUEST), open(REQUEST)]);
  await expect.poll(() => plane.waiting).toBe(3);
  expect(await server.close(100)).toBe(3);
  expect(await Promise.all(cut.map(({ closed }) => closed))).toEqual(['', '', '']);
  await expect.poll(() => plane.aborted).toBe(3);
});

it.each([
  ['headers', 40],
  ['body', REQUEST.length - 10],
])('close() gives a request that stops in its %s a moment, and does not count it', async (_, bytes) => {
  await open(REQUEST.slice(0, bytes));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await server.close(60_000)).toBe(0);
});

it('close() answers what was accepted before a request that stops half-way on the same connection', async () => {
  plane.delayMs = 300;
  const pipelined = await open(REQUEST + REQUEST.slice(0, -10));
  await expect.poll(() => plane.waiting).toBe(1);
  expect(await server.close(60_000)).toBe(0);
  expect(await pipelined.closed).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*"data":\[10\]/);
});

it('close() answers pipelined requests that come while it waits', async () => {
  plane.delayMs = 300;
  const pipelined = await open(REQUEST);
  await expect.poll(() => plane.waiting).toBe(1);
  const closed = server.close(60_000);
  pipelined.socket.write(REQUEST);
  expect((await pipelined.closed).match(/"data":\[10\]/g)).toHaveLength(2);
  expect(await closed).toBe(0);
});

it('close() lets a slow reader read its whole answer', async () => {
  const rows = 400_000;
  const header = JSON.stringify({
    inputs: [{ name: 'input', datatype: 'FP32', shape: [rows, 4], parameters: { binary_data_size: rows * 16 } }],
    outputs: [{ name: 'double', parameters: { binary_data: true } }],
  });
  const head = `POST /v2/models/echo/infer HTTP/1.1\r\nHost: a\r\nInference-Header-Content-Length: ${header.length}\r\n`;
  const slow = await open();
  slow.socket.pause();
  slow.socket.write(`${head}Content-Length: ${header.length + rows * 16}\r\n\r\n${header}`);
  slow.socket.write(Buffer.alloc(rows * 16));
  await expect.poll(() => plane.seen.length).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const closed = server.close(60_000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  slow.socket.resume();
  expect((await slow.closed).length).toBeGreaterThan(rows * 16);
  expect(await closed).toBe(0);
});

it('a client that half-closes after its request gets its answer, then the end', async () => {
  plane.delayMs = 500;
  const { socket, closed } = await open();
  socket.end(REQUEST);
  expect(await closed).toMatch(/^(HTTP\/1\.1 100 Continue\r\n\r\n)*HTTP\/1\.1 200 OK[\s\S]*"data":\[10\]\}\]\}$/);
});

it('a client that goes away aborts all that it has pipelined', async () => {
  plane.delayMs = 60_000;
  const gone = await open(REQUEST.repeat(3));
  await expect.poll(() => plane.waiting).toBe(3);
  gone.socket.destroy();
  await expect.poll(() => plane.aborted).toBe(3);
});

it('garbage behind requests that are answered at once is told so, and the connection closed', async () => {
  const health = 'GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n';
  const { closed } = await open(`${health}${health}GARBAGE\r\n\r\n`);
  expect(await closed).toMatch(/^(HTTP\/1\.1 200 OK[\s\S]*){2}HTTP\/1\.1 400 Bad Request[\s\S]*\{"error":"[^\n]*"\}$/);
});
