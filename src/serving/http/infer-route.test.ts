import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEchoPlane, type EchoPlane } from '../../../test/echo-plane.ts';
import { ask, binaryBody, errorOf, floatBytes, floatsOf, jsonOf, readBinary } from '../../../test/http-client.ts';
import type { InferInput, InferRequest } from '../protocol.ts';
import { createHttpServer, type HttpServer } from './http-server.ts';

let plane: EchoPlane;
let server: HttpServer;
let url: string;

beforeAll(async () => {
  plane = createEchoPlane();
  server = await createHttpServer(plane, { bodyLimitBytes: 1 << 20 });
  url = `${server.url}/v2/models/echo/infer`;
});

beforeEach(() => {
  plane.seen.length = 0;
});

afterAll(() => server.close(0));

const seen = (): InferRequest => plane.seen[0] as InferRequest;
const input = (fields: object) => ({ name: 'input', datatype: 'FP32', shape: [1, 4], ...fields });
const post = (json: unknown, headers = {}) => ask(url, { body: JSON.stringify(json), headers });

describe('JSON tensors', () => {
  it.each([[[1, 2, 3, 4]], [[[1, 2, 3, 4]]]])('are answered as JSON, sent as %j', async (data) => {
    const answer = await post({ id: 'a-1', inputs: [input({ data })] });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(jsonOf(answer)).toEqual({
      model_name: 'echo',
      model_version: '1',
      id: 'a-1',
      outputs: [
        { name: 'double', datatype: 'FP32', shape: [1, 4], data: [2, 4, 6, 8] },
        { name: 'sum', datatype: 'FP32', shape: [1, 1], data: [10] },
      ],
    });
  });

  it('write what JSON has no number for as null', async () => {
    const bytes = floatBytes([Number.NaN, Number.POSITIVE_INFINITY, 1, 2]);
    const answer = await ask(url, binaryBody({ inputs: [input({ parameters: { binary_data_size: 16 } })] }, bytes));
    expect(jsonOf(answer)).toMatchObject({ outputs: [{ data: [null, null, 2, 4] }, { data: [null] }] });
  });

  it('may be asked of one version, and with a query or percent signs in the URL', async () => {
    const body = JSON.stringify({ inputs: [input({ data: [1, 2, 3, 4] })] });
    for (const path of ['echo/versions/1/infer', 'echo/infer?x=1', '%65cho/infer']) {
      expect((await ask(`${server.url}/v2/models/${path}`, { body })).status).toBe(200);
    }
    expect((await ask(`${server.url}/v2/models/echo/versions/2/infer`, { body })).status).toBe(404);
  });
});

describe('binary tensors', () => {
  it('go both ways', async () => {
    const json = {
      inputs: [input({ shape: [2, 4], parameters: { binary_data_size: 32 } })],
      parameters: { binary_data_output: true },
    };
    const answer = await ask(url, binaryBody(json, floatBytes([1, 2, 3, 4, 5, 6, 7, 8])));
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    const { json: header, tensors } = readBinary(answer);
    expect(header.outputs).toEqual([
      { name: 'double', datatype: 'FP32', shape: [2, 4], parameters: { binary_data_size: 32 } },
      { name: 'sum', datatype: 'FP32', shape: [2, 1], parameters: { binary_data_size: 8 } },
    ]);
    expect(floatsOf(tensors.get('double'))).toEqual([2, 4, 6, 8, 10, 12, 14, 16]);
    expect(floatsOf(tensors.get('sum'))).toEqual([10, 26]);
  });

  it('follow binary_data of an output before binary_data_output', async () => {
    const json = {
      inputs: [input({ data: [1, 2, 3, 4] })],
      outputs: [{ name: 'sum', parameters: { binary_data: false } }, { name: 'double' }],
      parameters: { binary_data_output: true },
    };
    const { json: header, tensors } = readBinary(await post(json));
    expect(header.outputs).toMatchObject([{ name: 'sum', data: [10] }, { name: 'double' }]);
    expect([...tensors.keys()]).toEqual(['double']);
  });

  it('are split among the inputs in their order', async () => {
    const two = [
      { name: 'a', datatype: 'UINT8', shape: [3], parameters: { binary_data_size: 3 } },
      { name: 'b', datatype: 'UINT8', shape: [1], data: [9] },
      { name: 'c', datatype: 'UINT8', shape: [2], parameters: { binary_data_size: 2 } },
    ];
    await ask(url, binaryBody({ inputs: two }, Buffer.from([1, 2, 3]), Buffer.from([4, 5])));
    const contents = seen().inputs.map(({ content }) => ('raw' in content ? [...content.raw] : content.values));
    expect(contents).toEqual([[1, 2, 3], [9], [4, 5]]);
  });

  it('carry the elements of BYTES after their lengths', async () => {
    const elements = ['one', '', 'größe'].map((text) => Buffer.from(text));
    const body = Buffer.concat(elements.flatMap((text) => [Buffer.from([text.length, 0, 0, 0]), text]));
    const json = {
      inputs: [{ name: 'input', datatype: 'BYTES', shape: [3], parameters: { binary_data_size: body.length } }],
      outputs: [{ name: 'double', parameters: { binary_data: true } }],
    };
    const { json: header, tensors } = readBinary(await ask(url, binaryBody(json, body)));
    const upper = ['ONE', '', 'GRÖSSE'].map((text) => Buffer.from(text));
    expect(tensors.get('double')).toEqual(
      Buffer.concat(upper.flatMap((text) => [Buffer.from([text.length, 0, 0, 0]), text])),
    );
    expect(header.outputs).toMatchObject([{ datatype: 'BYTES', shape: [3] }]);
  });

  it('may arrive in many pieces', async () => {
    const values = Array.from({ length: 40_000 }, (_, index) => index % 97);
    const json = {
      inputs: [input({ shape: [10_000, 4], parameters: { binary_data_size: 160_000 } })],
      outputs: [{ name: 'double', parameters: { binary_data: true } }],
    };
    const asked = binaryBody(json, floatBytes(values));
    const answer = await ask(url, { ...asked, headers: { ...asked.headers, 'Transfer-Encoding': 'chunked' } });
    expect(floatsOf(readBinary(answer).tensors.get('double'))).toEqual(values.map((value) => 2 * value));
    // Joined so that the floats need not be copied once more.
    const { content } = seen().inputs[0] as InferInput;
    expect('raw' in content && content.raw.byteOffset % 4).toBe(0);
  });
});

describe('a raw request', () => {
  it('is the bytes of the one input, a batch of 1, answered in binary', async () => {
    const headers = { 'Inference-Header-Content-Length': 0 };
    const { tensors } = readBinary(await ask(url, { body: floatBytes([1, 2, 3, 4]), headers }));
    expect(floatsOf(tensors.get('double'))).toEqual([2, 4, 6, 8]);
    expect(floatsOf(tensors.get('sum'))).toEqual([10]);
    expect(seen().inputs).toMatchObject([{ name: 'input', datatype: 'FP32', shape: [1, 4] }]);
  });

  it('of the wrong length is 400', async () => {
    const answer = await ask(url, { body: 'abc', headers: { 'Inference-Header-Content-Length': 0 } });
    expect([answer.status, errorOf(answer)]).toEqual([400, expect.stringContaining('16 bytes')]);
  });
});

describe('parameters', () => {
  it('priority and timeout reach the data plane', async () => {
    await post({ inputs: [input({ data: [1, 2, 3, 4] })], parameters: { priority: 2, timeout: 5000, other: 'x' } });
    expect(seen()).toMatchObject({ priority: 2, timeoutUs: 5000 });
  });

  it('classification is asked of a single output', async () => {
    const outputs = [{ name: 'double', parameters: { classification: 2 } }];
    const answer = await post({ inputs: [input({ data: [1, 4, 2, 3] })], outputs });
    // The documented form, value:index:label, highest first.
    expect(jsonOf(answer)).toMatchObject({
      outputs: [{ datatype: 'BYTES', shape: [1, 2], data: ['8:1:bee', '6:3:dog'] }],
    });
  });

  it.each([
    [{ priority: -1 }, "'priority'"],
    [{ priority: 1.5 }, "'priority'"],
    [{ timeout: '5' }, "'timeout'"],
    [{ binary_data_output: 1 }, "'binary_data_output'"],
  ])('%j are refused', async (parameters, words) => {
    const answer = await post({ inputs: [input({ data: [1, 2, 3, 4] })], parameters });
    expect([answer.status, errorOf(answer)]).toEqual([400, expect.stringContaining(words)]);
  });
});

describe('compression', () => {
  const json = JSON.stringify({ inputs: [input({ data: [1, 2, 3, 4] })] });

  it.each([
    ['gzip', gzipSync(json)],
    ['deflate', deflateSync(json)],
    ['identity', Buffer.from(json)],
  ])('of the request by %s is undone', async (encoding, body) => {
    const answer = await ask(url, { body, headers: { 'Content-Encoding': encoding } });
    expect(jsonOf(answer)).toMatchObject({ outputs: [{ data: [2, 4, 6, 8] }, { data: [10] }] });
  });

  it('of the request that is damaged or unknown is refused', async () => {
    const damaged = await ask(url, { body: 'not gzip', headers: { 'Content-Encoding': 'gzip' } });
    expect([damaged.status, errorOf(damaged)]).toEqual([400, expect.stringContaining('not valid gzip')]);
    const unknown = await ask(url, { body: json, headers: { 'Content-Encoding': 'br' } });
    expect([unknown.status, errorOf(unknown)]).toEqual([415, expect.stringContaining("'br'")]);
  });

  it('cannot be used to get past the size limit', async () => {
    const bomb = gzipSync(Buffer.alloc((1 << 20) + 1));
    expect(bomb.length).toBeLessThan(4000);
    const answer = await ask(url, { body: bomb, headers: { 'Content-Encoding': 'gzip' } });
    expect([answer.status, errorOf(answer)]).toEqual([413, expect.stringContaining('1048576 bytes')]);
  });

  it.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ])('of a large answer by %s is as the client asks', async (encoding, undo) => {
    const shape = [500, 4];
    const data = Array.from({ length: 2000 }, (_, index) => index);
    const answer = await post({ inputs: [input({ shape, data })] }, { 'Accept-Encoding': `br, ${encoding}` });
    expect(answer.headers['content-encoding']).toBe(encoding);
    expect(JSON.parse(undo(answer.body).toString())).toMatchObject({ outputs: [{ data: data.map((x) => 2 * x) }, {}] });
  });

  it.each(['gzip;q=0', 'br', ''])('is not forced on a client that accepts %j', async (accepted) => {
    const data = new Array(2000).fill(1);
    const answer = await post({ inputs: [input({ shape: [500, 4], data })] }, { 'Accept-Encoding': accepted });
    expect(answer.headers['content-encoding']).toBeUndefined();
  });
});

describe('limits', () => {
  it.each([{}, { 'Transfer-Encoding': 'chunked' }, { Expect: '100-continue' }])(
    'a body above the limit is 413, sent with %j',
    async (headers) => {
      const answer = await ask(url, { body: Buffer.alloc((1 << 20) + 1), headers });
      expect([answer.status, errorOf(answer)]).toEqual([413, expect.stringContaining('1048576 bytes')]);
    },
  );

  it('JSON may nest to the limit and no deeper', async () => {
    const nested = (depth: number) => `{"inputs":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(errorOf(await ask(url, { body: nested(32) }))).toContain('inputs[0] must be an object');
    for (const depth of [33, 500_000]) {
      const answer = await ask(url, { body: nested(depth) });
      expect([answer.status, errorOf(answer)]).toEqual([400, expect.stringContaining('deeper than 32 levels')]);
    }
  });

  it('brackets inside strings do not nest', async () => {
    const id = '[{"\\'.repeat(50);
    expect((await post({ id, inputs: [input({ data: [1, 2, 3, 4] })] })).status).toBe(200);
  });
});

describe('a client that goes away', () => {
  it('aborts its request', async () => {
    plane.delayMs = 5000;
    const gone = new AbortController();
    const body = JSON.stringify({ inputs: [input({ data: [1, 2, 3, 4] })] });
    const lost = fetch(url, { method: 'POST', body, signal: gone.signal }).catch(() => 'gone');
    await expect.poll(() => plane.waiting).toBe(1);
    gone.abort();
    expect(await lost).toBe('gone');
    await expect.poll(() => plane.aborted).toBe(1);
    plane.delayMs = 0;
    expect(seen().signal?.aborted).toBe(true);
  });

  it('is not one that was answered', async () => {
    await post({ inputs: [input({ data: [1, 2, 3, 4] })] });
    expect(seen().signal?.aborted).toBe(false);
  });
});
