import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ECHO_SHAPE, type FakeServer, startFakeServer } from '../../test/fake-server.ts';
import { writeSmallModel } from '../../test/small-models.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../test/tls.ts';
import { type RunningServer, startServer } from '../serving/index.ts';
import { benchCommand } from './bench.ts';
import { runProgram } from './command.ts';

let server: FakeServer;
let printed: { stdout: string; stderr: string };
beforeEach(async () => {
  server = await startFakeServer();
  printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += text;
      return true;
    });
  }
});
afterEach(async () => {
  vi.restoreAllMocks();
  await server.close();
});

function bench(...words: string[]): Promise<number> {
  return runProgram(new Command('skein').addCommand(benchCommand()), ['bench', ...words]);
}

const silent = pino({ level: 'silent' });
const few = ['--data', 'shapes', '--limit', '8', '--warmup', '0'];

describe('skein bench', () => {
  it('prints one JSON object with the fields that scripts rely on', async () => {
    const code = await bench(
      server.url.href,
      '--model',
      'echo',
      ...few,
      '--requests',
      '20',
      '--connections',
      '2',
      '--json',
    );
    expect(code).toBe(0);
    expect(printed.stderr).toMatch(/^(warning: .*\n)?$/);
    const result = JSON.parse(printed.stdout) as { latencyMs: object; throughput: number };
    expect(result).toMatchObject({ sent: 20, ok: 20, failed: 0, errors: {} });
    expect(Object.keys(result.latencyMs)).toEqual(expect.arrayContaining(['p50', 'p90', 'p99', 'p999']));
    expect(result.throughput).toBeGreaterThan(0);
  });

  it('sends tensors normalised by mean and std', async () => {
    const words = ['--requests', '1', '--mean', '100,100,100', '--std', '1,1,1'];
    expect(await bench(server.url.href, '--model', 'echo', ...few, ...words)).toBe(0);
    const { body } = server.requests.at(-1) as { body: Buffer };
    const bytes = 4 * ECHO_SHAPE.reduce((product, size) => product * size, 1);
    const tensor = new Float32Array(new Uint8Array(body.subarray(-bytes)).buffer);
    expect(Math.max(...tensor)).toBeLessThanOrEqual(-99);
    expect(Math.min(...tensor)).toBeGreaterThanOrEqual(-100);
  });

  it('tells people throughput and latency', async () => {
    expect(await bench(server.url.href, '--model', 'echo', ...few, '--duration', '0.1', '--rate', '500')).toBe(0);
    expect(printed.stdout).toMatch(/open loop of 500 requests\/s[\s\S]*throughput .* images\/s\nlatency .*p99\.9/);
  });

  it('fails when no request is answered, and says why', async () => {
    await server.close();
    server = await startFakeServer((_, response) => {
      response.writeHead(503, { 'content-length': 16 }).end('{"error":"busy"}');
      return true;
    });
    expect(await bench(server.url.href, '--model', 'echo', ...few, '--requests', '3')).toBe(1);
    expect(printed.stdout).toMatch(/3 failed[\s\S]*3 {2}HTTP 503: busy/);
    expect(printed.stderr).toBe('error: No request of 3 was answered: HTTP 503: busy\n');
  });

  it.each([
    ['a model that is not there', ['--model', 'other', '--data', 'shapes'], /no model 'other'; it serves 'echo'\n$/],
    [
      'files of data that has none',
      ['--model', 'echo', '--data', 'shapes', '--payload', 'image'],
      /use --payload tensor\n$/,
    ],
    ['data that is not there', ['--model', 'echo', '--data', 'nowhere'], /Cannot open data 'nowhere'/],
  ])('exits 1 for %s', async (_, words, message) => {
    expect(await bench(server.url.href, ...words)).toBe(1);
    expect(printed.stderr).toMatch(message);
    expect(printed.stdout).toBe('');
  });

  it('sends the token of SKEIN_TOKEN, as serve takes it', async () => {
    vi.stubEnv('SKEIN_TOKEN', 'from-environment');
    const code = await bench(server.url.href, '--model', 'echo', ...few, '--requests', '1');
    vi.unstubAllEnvs();
    expect(code).toBe(0);
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer from-environment');
  });

  it('leaves accuracy out, and says so, where the classes of the data are not those of the model', async () => {
    expect(await bench(server.url.href, '--model', 'echo', ...few, '--requests', '1', '--json')).toBe(0);
    expect(JSON.parse(printed.stdout)).not.toHaveProperty('top1');
    expect(printed.stderr).toMatch(/^warning: the data's classes \(.*\) are not those of 'echo'.*no accuracy.*\n$/);
  });

  it('says in its help what becomes of requests that the server is too slow for', async () => {
    expect(await bench('--help')).toBe(0);
    expect(printed.stdout).toMatch(/At most 10000 requests wait; those beyond fail/);
  });

  it.each([
    ['an address that is none', ['nowhere', '--model', 'echo', '--data', 'shapes'], /must be http/],
    ['no model', ['http://127.0.0.1:1', '--data', 'shapes'], /--model/],
    ['two lengths', ['http://127.0.0.1:1', '--model', 'm', ...few, '--requests', '1', '--duration', '1'], /not both/],
    ['classify over gRPC', ['grpc://127.0.0.1:1', '--model', 'm', ...few, '--payload', 'image'], /--payload bytes/],
    [
      'mean and std of a file',
      ['http://127.0.0.1:1', '--model', 'm', ...few, '--payload', 'bytes', '--mean', '0', '--std', '1'],
      /of tensors/,
    ],
    [
      'a CA without TLS',
      ['http://127.0.0.1:1', '--model', 'm', ...few, '--ca', 'x.pem'],
      /--ca needs an address that begins with https/,
    ],
    ['a negative rate', ['http://127.0.0.1:1', '--model', 'm', ...few, '--rate', '-1'], /--rate/],
  ])('exits 2 for %s', async (_, words, message) => {
    expect(await bench(...words)).toBe(2);
    expect(printed.stderr).toMatch(message);
  });
});

describe('skein bench over TLS', () => {
  let folder: string;
  let secure: RunningServer;
  let certificate: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skein-bench-'));
    certificate = join(folder, 'cert.pem');
    await writeFile(certificate, TEST_CERTIFICATE);
    secure = await startServer({
      path: await writeSmallModel(join(folder, 'small.onnx')),
      port: 0,
      grpcPort: 0,
      tls: { cert: TEST_CERTIFICATE, key: TEST_KEY },
      logger: silent,
    });
  });
  afterAll(async () => {
    await secure.close(0);
    await rm(folder, { recursive: true });
  });
  const small = ['--model', 'small', ...few, '--requests', '4', '--json'];

  it('trusts the certificate of --ca', async () => {
    for (const address of [secure.httpUrl, `grpcs://${secure.grpcAddress}`]) {
      expect(await bench(address, ...small, '--ca', certificate)).toBe(0);
      expect(JSON.parse(printed.stdout)).toMatchObject({ ok: 4, failed: 0 });
      printed.stdout = '';
    }
  });

  it('says what to do about a certificate that nobody known signed', async () => {
    for (const address of [secure.httpUrl, `grpcs://${secure.grpcAddress}`]) {
      expect(await bench(address, ...small)).toBe(1);
      expect(printed.stderr).toBe(
        `error: Cannot reach ${address}: its certificate is self-signed or of an unknown authority: give it, or that of its authority, with --ca\n`,
      );
      printed.stderr = '';
    }
  });

  it('says so where only one side speaks TLS', async () => {
    await bench(secure.httpUrl.replace('https:', 'http:'), ...small);
    expect(printed.stderr).toMatch(/^error: Cannot reach http:.*does it want TLS \(https:\/\/\)\?\n$/);
    printed.stderr = '';
    await bench(`grpc://${secure.grpcAddress}`, ...small);
    expect(printed.stderr).toMatch(/does not speak gRPC, or only over TLS \(grpcs:\/\/\)\n$/);
    printed.stderr = '';
    await bench(server.url.href.replace('http:', 'https:'), ...small, '--ca', certificate);
    expect(printed.stderr).toMatch(/it does not speak TLS: use http:\/\/\n$/);
  });

  it('refuses a --ca that is missing or holds no certificate', async () => {
    expect(await bench(secure.httpUrl, ...small, '--ca', join(folder, 'none.pem'))).toBe(1);
    expect(printed.stderr).toMatch(/^error: Cannot read '.*none\.pem': ENOENT.*\n$/);
    printed.stderr = '';
    expect(await bench(secure.httpUrl, ...small, '--ca', join(folder, 'small.onnx'))).toBe(1);
    expect(printed.stderr).toMatch(/small\.onnx': expected certificates \(PEM\)/);
  });
});
