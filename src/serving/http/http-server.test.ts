import { get } from 'node:https';
import { afterEach, describe, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { ask, errorOf, jsonOf } from '../../../test/http-client.ts';
import { TEST_CERTIFICATE, TEST_KEY } from '../../../test/tls.ts';
import { ERROR_CODES, type ErrorCode } from '../../base/index.ts';
import { createHttpServer, type HttpServer, type HttpServerOptions } from './http-server.ts';

let plane: EchoPlane;
let server: HttpServer;

async function start(options?: HttpServerOptions): Promise<string> {
  plane = createEchoPlane();
  server = await createHttpServer(plane, options);
  return server.url;
}

afterEach(() => server.close(0));

const INFER = JSON.stringify({ inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }] });

describe('health', () => {
  it.each([true, false])('live and ready answer without a body when they are %s', async (state) => {
    const url = await start();
    plane.isLive = state;
    plane.isReady = state;
    for (const path of [
      '/v2/health/live',
      '/v2/health/ready',
      '/v2/models/echo/ready',
      '/v2/models/echo/versions/1/ready',
    ]) {
      const answer = await ask(url + path);
      expect([path, answer.status, answer.body.length]).toEqual([path, state ? 200 : 503, 0]);
    }
  });

  it('is 404 for a model or version that does not exist', async () => {
    const url = await start();
    const answer = await ask(`${url}/v2/models/nope/ready`);
    expect(answer.status).toBe(404);
    expect(errorOf(answer)).toContain("'nope'");
    expect((await ask(`${url}/v2/models/echo/versions/7/ready`)).status).toBe(404);
  });

  it('answers HEAD like GET, without a body', async () => {
    const url = await start();
    const answer = await ask(`${url}/v2/models/echo`, { method: 'HEAD' });
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
  });
});

describe('what can be read', () => {
  it.each([
    ['/v2', () => plane.serverMetadata()],
    ['/v2/models/echo', () => plane.modelMetadata('echo')],
    ['/v2/models/echo/versions/1', () => plane.modelMetadata('echo')],
    ['/v2/models/echo/config', () => plane.modelConfig('echo')],
    ['/v2/models/echo/versions/1/config', () => plane.modelConfig('echo')],
    ['/v2/models/stats', () => ({ model_stats: plane.statistics() })],
    ['/v2/models/echo/stats', () => ({ model_stats: plane.statistics('echo') })],
    ['/v2/models/echo/versions/1/stats', () => ({ model_stats: plane.statistics('echo', '1') })],
  ])('%s is what the data plane says', async (path, expected) => {
    const url = await start();
    const answer = await ask(url + path);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toContain('application/json');
    expect(jsonOf(answer)).toEqual(expected());
  });

  it('shows the metrics page with its content type', async () => {
    const url = await start();
    const answer = await ask(`${url}/metrics`);
    expect([answer.headers['content-type'], answer.body.toString()]).toEqual([
      'text/plain; version=0.0.4',
      'skein_requests_total 0\n',
    ]);
  });

  it('tells a person at / which models there are and how to ask them', async () => {
    const text = (await ask(`${await start()}/`)).body.toString();
    expect(text).toMatch(/echo +version 1 +ready/);
    expect(text).toContain('/v2/models/echo/classify');
  });
});

describe('the model repository', () => {
  it('lists all models, or the ready ones', async () => {
    const url = await start();
    const names = async (body: string) =>
      (jsonOf(await ask(`${url}/v2/repository/index`, { body })) as { name: string }[]).map(({ name }) => name);
    expect(await names('')).toEqual(['echo', 'spare']);
    expect(await names('{}')).toEqual(['echo', 'spare']);
    expect(await names('{"ready": true}')).toEqual(['echo']);
    expect((await ask(`${url}/v2/repository/index`, { body: '{"ready": 1}' })).status).toBe(400);
  });

  it('loads and unloads where it is allowed', async () => {
    const url = await start({ modelControl: true });
    expect((await ask(`${url}/v2/repository/models/spare/load`, { method: 'POST' })).status).toBe(200);
    const unload = { method: 'POST', body: '{"parameters":{"unload_dependents":false}}' };
    expect((await ask(`${url}/v2/repository/models/echo/unload`, unload)).status).toBe(200);
    expect(plane.loads).toEqual(['load spare', 'unload echo']);
    expect((await ask(`${url}/v2/repository/models/nope/load`, { method: 'POST' })).status).toBe(404);
  });

  it('refuses parameters that would load something else than what the repository holds', async () => {
    const url = await start({ modelControl: true });
    const answer = await ask(`${url}/v2/repository/models/echo/load`, { body: '{"parameters":{"config":"{}"}}' });
    expect([answer.status, plane.loads]).toEqual([400, []]);
    expect(errorOf(answer)).toContain("'config'");
  });

  it.each(['load', 'unload'])('answers 403 to %s unless it is allowed', async (verb) => {
    const url = await start();
    const answer = await ask(`${url}/v2/repository/models/echo/${verb}`, { method: 'POST' });
    expect([answer.status, plane.loads]).toEqual([403, []]);
    expect(errorOf(answer)).toContain(`Cannot ${verb}`);
  });
});

describe('classify', () => {
  it('takes an image file of any content type as the body', async () => {
    const url = await start();
    for (const type of ['image/jpeg', 'application/x-www-form-urlencoded', 'application/json']) {
      const body = Buffer.from([0xff, 0xd8, 0xff, 0xe0]);
      const answer = await ask(`${url}/v2/models/echo/classify`, { body, headers: { 'content-type': type } });
      // 0xff modulo the four labels is 3.
      expect(jsonOf(answer)).toEqual({
        model: 'echo',
        version: '1',
        label: 'dog',
        class: 3,
        probability: 1,
        probabilities: [0, 0, 0, 1],
      });
    }
  });

  it.each([
    ['', {}, 400, 'the body is empty'],
    ['x', {}, 400, 'cannot be decoded'],
    ['form', { 'content-type': 'multipart/form-data; boundary=x' }, 415, '--data-binary'],
  ])('refuses the body %j', async (body, headers, status, words) => {
    const answer = await ask(`${await start()}/v2/models/echo/classify`, { method: 'POST', body, headers });
    expect([answer.status, errorOf(answer)]).toEqual([status, expect.stringContaining(words)]);
  });

  it('refuses a timeout that is no number of microseconds', async () => {
    const answer = await ask(`${await start()}/v2/models/echo/classify?timeout=soon`, { body: 'image' });
    expect([answer.status, errorOf(answer)]).toEqual([400, expect.stringContaining('"soon"')]);
  });
});

describe('errors', () => {
  const expected: Record<ErrorCode, number> = {
    'invalid-argument': 400,
    'not-found': 404,
    unsupported: 400,
    corrupt: 400,
    'too-large': 413,
    unauthenticated: 401,
    'queue-full': 503,
    'deadline-exceeded': 503,
    cancelled: 499,
    unavailable: 503,
    internal: 500,
  };

  it.each(ERROR_CODES)('%s has its status and keeps its message, on one line', async (code) => {
    const url = await start();
    plane.failure = { code, message: 'first line\n  second line' };
    for (const path of ['infer', 'classify']) {
      const answer = await ask(`${url}/v2/models/echo/${path}`, { body: INFER });
      expect([answer.status, errorOf(answer)]).toEqual([expected[code], 'first line second line']);
    }
  });

  it('tells the client nothing of a defect but that there was one', async () => {
    const url = await start();
    plane.failure = new TypeError("Cannot read properties of undefined (reading 'secret')");
    for (const path of ['infer', 'classify']) {
      const answer = await ask(`${url}/v2/models/echo/${path}`, { body: INFER });
      expect(answer.status).toBe(500);
      expect(errorOf(answer)).not.toContain('secret');
    }
  });

  it.each([
    ['GET', '/nowhere', 404, '/nowhere'],
    ['POST', '/v2/models/echo/inferno', 404, 'inferno'],
    ['PROPFIND', '/v2', 404, 'PROPFIND'],
    ['GET', '/v2/models/echo/infer', 405, 'use POST'],
    ['DELETE', '/v2/models/echo', 405, 'use GET'],
    ['GET', '/v2/models/%zz', 400, '%zz'],
  ])('%s %s is %i', async (method, path, status, words) => {
    const answer = await ask((await start()) + path, { method });
    expect([answer.status, errorOf(answer)]).toEqual([status, expect.stringContaining(words)]);
  });

  it('names the method to use in Allow', async () => {
    const answer = await ask(`${await start()}/v2/models/echo/infer`);
    expect(answer.headers.allow).toBe('POST');
  });

  it('refuses to listen where another server does, naming the port', async () => {
    await start();
    await expect(createHttpServer(plane, { port: server.port })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(`127.0.0.1:${server.port}`),
    });
  });
});

describe('the bearer token', () => {
  const token = 'correct horse'.replace(' ', '-');

  it('is asked for on every route but the health of the server', async () => {
    const url = await start({ token });
    for (const path of ['/v2', '/v2/models/echo', '/metrics', '/nowhere', '/v2/models/echo/ready']) {
      const answer = await ask(url + path);
      expect([path, answer.status, answer.headers['www-authenticate']]).toEqual([path, 401, 'Bearer']);
      expect(errorOf(answer)).toContain('bearer token');
    }
    expect((await ask(`${url}/v2/health/live`)).status).toBe(200);
    expect((await ask(`${url}/v2/health/ready`)).status).toBe(200);
  });

  it.each([
    [undefined, 401],
    ['Bearer wrong', 401],
    [`Bearer ${token}x`, 401],
    [`Basic ${token}`, 401],
    [`Bearer ${token}`, 200],
    [`bearer ${token}`, 200],
  ])('Authorization %j of an inference is answered %i', async (authorization, status) => {
    const url = await start({ token });
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    for (const path of ['infer', 'infer?', 'classify']) {
      const answer = await ask(`${url}/v2/models/echo/${path}`, { body: INFER, headers });
      expect([path, answer.status]).toEqual([path, status]);
    }
  });
});

describe('TLS', () => {
  it('serves under the certificate', async () => {
    const url = await start({ tls: { cert: TEST_CERTIFICATE, key: TEST_KEY } });
    expect(url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      get(`${url}/v2/health/live`, { ca: TEST_CERTIFICATE }, (response) => resolve(response.statusCode)).on(
        'error',
        reject,
      );
    });
    expect(status).toBe(200);
  });

  it('refuses a certificate that is none', async () => {
    await start();
    await expect(createHttpServer(plane, { tls: { cert: 'x', key: 'y' } })).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('Cannot use the TLS certificate and key'),
    });
  });
});
