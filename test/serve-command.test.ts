/** `skein serve` as a process of its own: what it prints, what it answers, how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { status as Status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Tensor } from '../src/graph/index.ts';
import { readModel, writeModel } from '../src/onnx/index.ts';
import { TestClient } from './grpc-client.ts';
import { sendRaw } from './http-client.ts';
import { SMALL_SHAPE, SMALL_SIZE, smallImage, writeSmallModel } from './small-models.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './tls.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

let folder: string;
let model: string;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-serve-'));
  model = await writeSmallModel(join(folder, 'small.onnx'));
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Served {
  readonly child: ChildProcess;
  readonly url: string;
  readonly line: string;
  /** Settles with the exit code. */
  readonly ended: Promise<number | null>;
  readonly errors: () => string;
}

function run(...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, 'serve', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, ended, out: () => out, errors: () => errors };
}

async function serve(...args: readonly string[]): Promise<Served> {
  const { child, ended, out, errors } = run(...args, '--port', '0', '--grpc-port', '0');
  while (!out().includes('\n')) {
    const done = await Promise.race([ended, new Promise<'on'>((resolve) => setTimeout(() => resolve('on'), 20))]);
    if (done !== 'on') throw new Error(`skein serve ended with ${done}: ${errors()}`);
  }
  const line = out().trim();
  return { child, line, url: /http:\/\/\S+/.exec(line)?.[0] ?? '', ended, errors };
}

function infer(url: string, number: number): Promise<Response> {
  return fetch(`${url}/v2/models/small/infer`, {
    method: 'POST',
    body: JSON.stringify({
      id: String(number),
      inputs: [{ name: 'input', datatype: 'FP32', shape: [1, ...SMALL_SHAPE], data: [...smallImage(number)] }],
    }),
  });
}

it('prints one ready line with the real ports, answers there, and exits 0 on SIGTERM', async () => {
  const { child, line, url, ended } = await serve(model, '--log-level', 'silent');
  expect(line).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+ grpc:\/\/127\.0\.0\.1:\d+$/);
  expect((await fetch(`${url}/v2/health/ready`)).status).toBe(200);
  const answer = (await (await infer(url, 1)).json()) as { id: string; outputs: { shape: number[] }[] };
  expect(answer).toMatchObject({ id: '1', model_name: 'small', outputs: [{ name: 'logits', shape: [1, 4] }] });
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});

it('--json prints the same as one JSON object', async () => {
  const { line, url } = await serve(model, '--json', '--no-grpc');
  expect(JSON.parse(line)).toEqual({ ready: url.replace(/".*/, ''), models: ['small'] });
});

it('SIGTERM under load: every request that it accepted is answered, then it exits 0', async () => {
  const { child, url, ended } = await serve(model, '--log-level', 'silent');
  let answered = 0;
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (;;) {
      const response = await infer(url, client).catch(() => undefined);
      if (response === undefined) return;
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ id: String(client) });
      answered++;
    }
  });
  while (answered < 20) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  await Promise.all(clients);
});

it('a request whose body is under way when SIGTERM comes is answered', async () => {
  const { child, url, ended, errors } = await serve(model);
  const { hostname, port } = new URL(url);
  const header = JSON.stringify({
    inputs: [
      {
        name: 'input',
        datatype: 'FP32',
        shape: [1, ...SMALL_SHAPE],
        parameters: { binary_data_size: SMALL_SIZE * 4 },
      },
    ],
  });
  const body = Buffer.concat([Buffer.from(header), Buffer.from(smallImage(1).buffer)]);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.write(
    `POST /v2/models/small/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\nInference-Header-Content-Length: ${Buffer.byteLength(header)}\r\n\r\n`,
  );
  socket.write(body.subarray(0, 400));
  await new Promise((resolve) => setTimeout(resolve, 100));
  child.kill('SIGTERM');
  while (!errors().includes('draining')) await new Promise((resolve) => setTimeout(resolve, 10));
  socket.write(body.subarray(400));
  expect(await ended).toBe(0);
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK/);
});

it.each([
  ['a path that is not there', 1, ['missing.onnx'], /^error: Cannot serve 'missing.onnx': there is no such file/],
  ['no model', 2, [], /^error: missing required argument 'model'/],
  ['an unknown option', 2, ['x.onnx', '--fast'], /^error: unknown option '--fast'/],
  ['half of a TLS pair', 2, ['x.onnx', '--tls-cert', 'c.pem'], /^error: --tls-cert and --tls-key go together/],
])('refuses %s with exit code %i and one line', async (_what, code, args, message) => {
  const { ended, errors, out } = run(...args);
  expect(await ended).toBe(code);
  expect(errors()).toMatch(message);
  expect(errors().trim().split('\n')).toHaveLength(1);
  expect(out()).toBe('');
});

it('names a truncated model and one that is no ONNX, and a port that is taken', async () => {
  const cut = join(folder, 'cut.onnx');
  await writeFile(cut, await readFile(model));
  await truncate(cut, 500);
  const text = join(folder, 'text.onnx');
  await writeFile(text, 'hello');
  for (const path of [cut, text]) {
    const { ended, errors } = run(path, '--log-level', 'silent');
    expect(await ended).toBe(1);
    expect(errors()).toContain(path);
    expect(errors().trim().split('\n')).toHaveLength(1);
  }
  const { url } = await serve(model, '--log-level', 'silent');
  const { ended, errors } = run(model, '--port', new URL(url).port, '--log-level', 'silent');
  expect(await ended).toBe(1);
  expect(errors()).toMatch(/another program listens there/);
});

it('logs JSON alone: ONNX Runtime writes nothing of its own about a file', async () => {
  const { graph, ...rest } = await readModel(model);
  const [bias] = [...graph.initializers.values()];
  const unused = new Map([...graph.initializers, ['unused', bias as Tensor]]);
  const file = join(folder, 'unused.onnx');
  await writeModel({ ...rest, graph: { ...graph, initializers: unused } }, file);
  const { child, ended, errors } = await serve(file);
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  const lines = errors().trim().split('\n');
  expect(lines.filter((line) => !line.startsWith('{"level":'))).toEqual([]);
  expect(lines.length).toBeGreaterThan(1);
});

it('reloads on SIGHUP without losing what it serves', async () => {
  const { child, url, errors } = await serve(model);
  child.kill('SIGHUP');
  while ((errors().match(/model loaded/g) ?? []).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  expect((await infer(url, 2)).status).toBe(200);
});

/** A folder with so many models that loading them takes a while, and a process that has begun to load them. */
async function loading(...args: readonly string[]) {
  const many = join(folder, `many-${Math.random()}`);
  await mkdir(many);
  await Promise.all(Array.from({ length: 60 }, (_, index) => copyFile(model, join(many, `m${index}.onnx`))));
  const started = run(many, '--port', '0', '--grpc-port', '0', ...args);
  while (!started.errors().includes('preprocessing') && !started.errors().includes('guessed'))
    await new Promise((resolve) => setTimeout(resolve, 5));
  expect(started.out()).toBe('');
  return started;
}

it.each(['SIGTERM', 'SIGINT'] as const)('%s before it is ready ends it cleanly, and it says so', async (signal) => {
  const { child, ended, errors, out } = await loading();
  child.kill(signal);
  expect(await ended).toBe(0);
  const said = errors()
    .split('\n')
    .filter((line) => line.includes(signal));
  expect(said.map((line) => JSON.parse(line).msg)).toEqual(['stopped before it was ready']);
  expect(out()).toBe('');
});

it('SIGHUP before it is ready: it gets ready, and then reloads', async () => {
  const { child, ended, errors, out } = await loading();
  child.kill('SIGHUP');
  while (!out().includes('ready')) await new Promise((resolve) => setTimeout(resolve, 10));
  while ((errors().match(/model loaded/g) ?? []).length < 61) await new Promise((resolve) => setTimeout(resolve, 10));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});

it.each([
  ['HTTP', 'url'],
  ['gRPC', 'grpc'],
] as const)('SIGTERM: silent %s connections and half a request do not hold it up', async (_, protocol) => {
  const served = await serve(model, '--log-level', 'silent');
  const grpc = /grpc:(\/\/\S+)/.exec(served.line)?.[1];
  const { hostname, port } = new URL(protocol === 'url' ? served.url : `http:${grpc}`);
  const half =
    protocol === 'url' ? 'POST /v2/models/small/infer HTTP/1.1\r\nContent-Length: 9\r\n\r\n{' : 'PRI * HTTP/2';
  const sockets = ['', half].map((bytes) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => {});
    if (bytes !== '') socket.write(bytes);
    return socket;
  });
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  await new Promise((resolve) => setTimeout(resolve, 100));
  served.child.kill('SIGTERM');
  expect(await served.ended).toBe(0);
  for (const socket of sockets) socket.destroy();
});

it('serves both ports over TLS, and outlives plain text and strangers on them', async () => {
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  await writeFile(cert, TEST_CERTIFICATE);
  await writeFile(key, TEST_KEY);
  const { child, line, ended } = await serve(model, '--tls-cert', cert, '--tls-key', key, '--log-level', 'silent');
  const [, port, grpcPort] = /^ready https:\/\/127\.0\.0\.1:(\d+) grpcs:\/\/127\.0\.0\.1:(\d+)$/.exec(line) ?? [];
  const live = (ca: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      get(`https://localhost:${port}/v2/health/live`, { ca, agent: false }, ({ statusCode }) => resolve(statusCode)).on(
        'error',
        reject,
      );
    });
  const liveGrpc = async (tlsRoot?: string) => {
    const client = new TestClient(Number(grpcPort), tlsRoot === undefined ? {} : { tlsRoot });
    const deadline = Date.now() + 5000;
    return client.call('serverLive', {}, { deadline }).finally(() => client.close());
  };
  const works = async () => {
    expect(await live(TEST_CERTIFICATE)).toBe(200);
    expect(await liveGrpc(TEST_CERTIFICATE)).toMatchObject({ live: true });
  };
  await works();
  for (const each of [port, grpcPort]) {
    const answer = await sendRaw(Number(each), 'GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n', true);
    expect(answer).not.toMatch(/200|\(open\)/);
  }
  await expect(fetch(`http://127.0.0.1:${port}/v2/health/live`)).rejects.toThrow();
  await expect(liveGrpc()).rejects.toMatchObject({ code: Status.UNAVAILABLE });
  // One that does not know the certificate ends the handshake.
  await expect(live(rootCertificates[0] as string)).rejects.toThrow(/self-signed/);
  await expect(liveGrpc(rootCertificates[0])).rejects.toMatchObject({ code: Status.UNAVAILABLE });
  await works();
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});
