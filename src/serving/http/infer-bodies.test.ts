import { expect, it } from 'vitest';
import { InferBodies } from './infer-bodies.ts';
import { parseInferBody } from './infer-request.ts';

const DEPTH = 32;
const tensor = (name: string, bytes: number) => ({
  name,
  datatype: 'UINT8',
  shape: [bytes],
  parameters: { binary_data_size: bytes },
});

function bodyOf(json: object, tail: readonly number[]): { body: Buffer; headerLength: number } {
  const text = JSON.stringify(json);
  return { body: Buffer.concat([Buffer.from(text), Buffer.from(tail)]), headerLength: Buffer.byteLength(text) };
}

it('InferBodies.parse() gives each body its own bytes, and otherwise what parseInferBody() gives', () => {
  const bodies = new InferBodies(DEPTH);
  const json = {
    inputs: [tensor('a', 1), tensor('b', 2)],
    outputs: [{ name: 'y', parameters: { classification: 2 } }],
    parameters: { priority: 3, timeout: 9, binary_data_output: true },
  };
  for (const tail of [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ]) {
    const { body, headerLength } = bodyOf(json, tail);
    const call = bodies.parse('m', '2', body, headerLength);
    expect(call).toEqual(parseInferBody('m', '2', body, headerLength, DEPTH));
    const bytes = call.request.inputs.flatMap(({ content }) => ('raw' in content ? [...content.raw] : []));
    expect(bytes).toEqual(tail);
  }
});

it('InferBodies.parse() tells models, versions and lengths apart', () => {
  const bodies = new InferBodies(DEPTH);
  const { body, headerLength } = bodyOf({ inputs: [tensor('a', 1)] }, [1]);
  for (const [model, version] of [
    ['m', undefined],
    ['m', '1'],
    ['m1', undefined],
    ['m', '1'],
  ] as const) {
    const { request } = bodies.parse(model, version, body, headerLength);
    expect([request.model, request.version]).toEqual([model, version]);
  }
  const longer = Buffer.concat([body, Buffer.from([2])]);
  expect(() => bodies.parse('m', undefined, longer, headerLength)).toThrow('has 1 bytes that no input');
  expect(() => bodies.parse('m', undefined, body.subarray(0, -1), headerLength)).toThrow('only 0 bytes');
});

it('InferBodies.parse() does not let one request change the next', () => {
  const bodies = new InferBodies(DEPTH);
  const { body, headerLength } = bodyOf({ inputs: [tensor('a', 1)] }, [1]);
  for (let i = 0; i < 3; i++) {
    const { request } = bodies.parse('m', undefined, body, headerLength);
    expect([request.priority, request.signal]).toEqual([undefined, undefined]);
    request.priority = 7;
    request.signal = { aborted: true };
  }
});

it('InferBodies.parse() refuses bad JSON every time', () => {
  const bodies = new InferBodies(DEPTH);
  for (let i = 0; i < 2; i++)
    expect(() => bodies.parse('m', undefined, Buffer.from('{"in'), 4)).toThrow('cannot be parsed');
});
