/** Requests to the echo model that are wrong in one of many ways, from a seed, for the tests of what a server survives. */
import type { Random } from '../src/base/index.ts';
import { type Asked, binaryBody, floatBytes } from './http-client.ts';

export interface Malformed extends Asked {
  readonly kind: string;
  /** A changed byte may leave a request valid; everything else must be refused. */
  readonly mustFail: boolean;
}

const one = <T>(random: Random, values: readonly T[]): T => values[random.integer(values.length)] as T;

const JUNK: readonly unknown[] = [null, 7, -1, 1.5, 'x', '', true, {}, [[]], [null], { name: {} }, 1e308];
const SHAPES: readonly unknown[] = [
  [-1, 4],
  [1, -4],
  [0, 4],
  [2 ** 31, 2 ** 31],
  [2 ** 53, 4],
  [1e308, 4],
  [1e9, 1e9, 1e9, 1e9, 1e9],
  [1.5, 4],
  ['1', 4],
  [null],
  [],
  [4],
  [4, 1],
  [1, 4, 1],
  Array.from({ length: 1000 }, () => 1),
];

function json(random: Random): Record<string, unknown> {
  const data = Array.from({ length: 4 }, () => random.integer(100));
  return { id: 'm', inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 4], data }] };
}

function binary(size: unknown, shape: unknown = [1, 4]): Record<string, unknown> {
  return { inputs: [{ name: 'input', datatype: 'FP32', shape, parameters: { binary_data_size: size } }] };
}

const inputOf = (fields: Record<string, unknown>) => (fields.inputs as Record<string, unknown>[])[0] ?? {};

const KINDS: Readonly<Record<string, (random: Random) => Asked>> = {
  truncated: (random) => {
    const text = JSON.stringify(json(random));
    return { body: text.slice(0, random.integer(text.length)) };
  },
  garbage: (random) => ({
    body: Buffer.from(Array.from({ length: 1 + random.integer(300) }, () => random.integer(256))),
  }),
  'not a number': (random) => {
    const text = JSON.stringify(json(random)).replace(
      /"data":\[\d+/,
      `"data":[${one(random, ['NaN', '-Infinity', '1e', '0x1', '01'])}`,
    );
    return { body: text };
  },
  shape: (random) => {
    const fields = json(random);
    inputOf(fields).shape = one(random, SHAPES);
    return { body: JSON.stringify(fields) };
  },
  'binary shape': (random) => binaryBody(binary(16, one(random, SHAPES)), Buffer.alloc(16)),
  'element count': (random) => {
    const fields = json(random);
    const count = one(random, [0, 1, 3, 5, 1000]);
    inputOf(fields).data = new Array(count).fill(1);
    return { body: JSON.stringify(fields) };
  },
  'element type': (random) => {
    const fields = json(random);
    inputOf(fields).data = [1, 2, 3, one(random, [null, 'x', {}, true])];
    return { body: JSON.stringify(fields) };
  },
  'field type': (random) => {
    const fields = json(random);
    const input = inputOf(fields);
    const junk = one(random, JUNK);
    const at = random.integer(4);
    if (at === 0) fields.inputs = junk;
    else if (at === 1) input.name = junk;
    else if (at === 2) input.datatype = junk;
    else input.data = junk;
    return { body: JSON.stringify(fields) };
  },
  'missing field': (random) => {
    const fields = json(random);
    delete inputOf(fields)[one(random, ['name', 'datatype', 'shape', 'data'])];
    return { body: JSON.stringify(fields) };
  },
  parameters: (random) => {
    const name = one(random, ['priority', 'timeout', 'binary_data_output']);
    return { body: JSON.stringify({ ...json(random), parameters: { [name]: one(random, ['x', -1, 1.5, {}, null]) } }) };
  },
  'binary size': (random) => {
    const size = one(random, [0, 15, 17, 1e6, 2 ** 53, -16, 16.5, '16', null, {}]);
    return binaryBody(binary(size), Buffer.alloc(16));
  },
  'trailing bytes': (random) => binaryBody(binary(16), Buffer.alloc(17 + random.integer(100))),
  'missing bytes': (random) => binaryBody(binary(16), Buffer.alloc(random.integer(16))),
  'header length': (random) => {
    const asked = binaryBody(binary(16), floatBytes([1, 2, 3, 4]));
    const right = Number(asked.headers['Inference-Header-Content-Length']);
    const wrong = one(random, [
      right - 1 - random.integer(right - 1),
      right + 1 + random.integer(15),
      1e9,
      -1,
      '1e2',
      'x',
      '0x10',
    ]);
    return { ...asked, headers: { 'Inference-Header-Content-Length': String(wrong) } };
  },
  'raw size': (random) => ({
    body: Buffer.alloc(17 + random.integer(64)),
    headers: { 'Inference-Header-Content-Length': '0' },
  }),
  compression: (random) => ({
    body: JSON.stringify(json(random)),
    headers: { 'Content-Encoding': one(random, ['gzip', 'deflate', 'br', 'x']) },
  }),
  'deep JSON': (random) => ({ body: one(random, ['[', '{"a":', '{"inputs":[']).repeat(33 + random.integer(2000)) }),
  'long name': (random) => {
    const fields = json(random);
    inputOf(fields).name = 'n'.repeat(random.integer(100_000));
    return { body: JSON.stringify(fields) };
  },
};

const NAMES = Object.keys(KINDS);

/** One malformed request of any kind. */
export function malformed(random: Random): Malformed {
  if (random.integer(8) === 0) {
    const { headers, body } = binaryBody(binary(16), floatBytes([1, 2, 3, 4]));
    const changed = Buffer.from(body as Buffer);
    for (let times = 1 + random.integer(3); times > 0; times--)
      changed[random.integer(changed.length)] = random.integer(256);
    return { kind: 'changed bytes', mustFail: false, headers, body: changed };
  }
  const kind = one(random, NAMES);
  return { kind, mustFail: true, ...(KINDS[kind] as (random: Random) => Asked)(random) };
}

const REQUEST = 'POST /v2/models/echo/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{"inputs":[]}       ';

/** Bytes that are no complete HTTP request: nothing, or an error, can be the answer. */
export function garbageHttp(random: Random): Buffer {
  const cut = REQUEST.slice(0, 1 + random.integer(REQUEST.length - 2));
  const noise = Buffer.from(Array.from({ length: 1 + random.integer(400) }, () => random.integer(256)));
  return one(random, [
    () => noise,
    () => Buffer.concat([Buffer.from(cut), Buffer.from('\0\r\n\r\n'), noise]),
    () => Buffer.from(REQUEST.replace('HTTP/1.1', one(random, ['HTTP/9.9', 'HTTP', '\0', '']))),
    () => Buffer.from(REQUEST.replace('POST', one(random, ['P\0ST', 'INFER', '', ' ']))),
    () => Buffer.from(REQUEST.replace('20', one(random, ['-1', '2e1', '99999999999999999999', '20, 21', 'x']))),
    () => Buffer.from(REQUEST.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n')),
    () => Buffer.from(REQUEST.replace('Content-Length: 20', 'Transfer-Encoding: chunked').replace('{', 'zz\r\n{')),
    () => Buffer.from(REQUEST.replace('Host: a', `Host: ${'a'.repeat(20_000)}`)),
    () => Buffer.from(REQUEST.replace('Host: a', 'no colon here')),
  ])();
}
