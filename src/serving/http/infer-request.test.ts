import { describe, expect, it } from 'vitest';
import type { ModelMetadata } from '../protocol.ts';
import { headerLengthOf, parseInferBody, rawInferCall } from './infer-request.ts';

const input = { name: 'input', datatype: 'FP32', shape: [1, 4] };

function parse(json: string, tail = Buffer.alloc(0), headerLength: number | undefined = Buffer.byteLength(json)) {
  return parseInferBody('m', undefined, Buffer.concat([Buffer.from(json), tail]), headerLength, 32);
}

describe('parseInferBody() names what is wrong with', () => {
  it.each([
    ['', 'cannot be parsed'],
    ['{', 'cannot be parsed'],
    ['[]', 'the JSON must be an object, received []'],
    ['null', 'the JSON must be an object, received null'],
    ['{}', 'inputs must be an array, received nothing'],
    ['{"inputs":{}}', 'inputs must be an array, received {}'],
    ['{"inputs":[7]}', 'inputs[0] must be an object, received 7'],
    ['{"inputs":[{}]}', 'inputs[0].name must be a string, received nothing'],
    ['{"inputs":[{"name":"x"}]}', 'inputs[0].datatype must be a string'],
    ['{"inputs":[{"name":"x","datatype":"FP32"}]}', 'inputs[0].shape must be an array'],
    ['{"inputs":[{"name":"x","datatype":"FP32","shape":[1.5]}]}', 'shape must be an array of integers, received [1.5]'],
    ['{"inputs":[{"name":"x","datatype":"FP32","shape":["1"]}]}', 'shape must be an array of integers'],
    ['{"inputs":[{"name":"x","datatype":"FP32","shape":[1e300]}]}', 'shape must be an array of integers'],
    ['{"inputs":[{"name":"x","datatype":"FP32","shape":[1]}]}', 'it has neither'],
    ['{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":3}]}', 'inputs[0].data must be an array, received 3'],
    ['{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[NaN]}]}', 'NaN and Infinity are no JSON'],
    ['{"inputs":[],"id":7}', 'id must be a string, received 7'],
    ['{"inputs":[],"outputs":{}}', 'outputs must be an array'],
    ['{"inputs":[],"outputs":[{}]}', 'outputs[0].name must be a string'],
    [
      '{"inputs":[],"outputs":[{"name":"a","parameters":{"classification":-1}}]}',
      "'classification' must be an integer",
    ],
    [
      '{"inputs":[],"outputs":[{"name":"a","parameters":{"binary_data":"yes"}}]}',
      "'binary_data' must be true or false",
    ],
    ['{"inputs":[],"parameters":[]}', 'parameters must be an object'],
  ])('%s', (json, words) => {
    expect(() => parse(json)).toThrow(words);
    expect(() => parse(json)).toThrow("The request for model 'm'");
  });

  it('bytes that are not UTF-8', () => {
    const body = Buffer.from('{"inputs":[],"id":"\xff"}', 'latin1');
    expect(() => parseInferBody('m', undefined, body, undefined, 32)).toThrow('must be UTF-8');
  });

  it('shared memory', () => {
    const json = JSON.stringify({ inputs: [{ ...input, parameters: { shared_memory_region: 'r' } }] });
    expect(() => parse(json)).toThrow('shared memory is not supported');
  });
});

describe('parseInferBody() accounts for every byte', () => {
  const withSize = (...sizes: unknown[]) =>
    JSON.stringify({ inputs: sizes.map((size) => ({ ...input, parameters: { binary_data_size: size } })) });

  it.each([
    [[17], 16, 'inputs[0]: binary_data_size is 17 but only 16 bytes'],
    [[8, 9], 16, 'inputs[1]: binary_data_size is 9 but only 8 bytes'],
    [[15], 16, "has 1 bytes that no input's 'binary_data_size' accounts for"],
    [[-1], 16, "'binary_data_size' must be an integer of at least 0"],
    [['16'], 16, "'binary_data_size' must be an integer of at least 0"],
    [[1e300], 16, 'binary_data_size is 9007199254740991 but only 16 bytes'],
    [[], 3, 'has 3 bytes'],
  ])('sizes %j of %i bytes', (sizes, bytes, words) => {
    expect(() => parse(withSize(...sizes), Buffer.alloc(bytes))).toThrow(words);
  });

  it('a header longer than the body', () => {
    expect(() => parse('{}', Buffer.alloc(0), 3)).toThrow(
      "'Inference-Header-Content-Length' is 3 but the body has only 2",
    );
  });

  it('data beside binary_data_size', () => {
    const json = JSON.stringify({ inputs: [{ ...input, data: [1], parameters: { binary_data_size: 4 } }] });
    expect(() => parse(json, Buffer.alloc(4))).toThrow('it has both');
  });

  it('gives binary tensors as views of the body', () => {
    const body = Buffer.concat([Buffer.from(withSize(2)), Buffer.from([5, 6])]);
    const { request } = parseInferBody('m', '3', body, body.length - 2, 32);
    const content = request.inputs[0]?.content;
    if (content === undefined || !('raw' in content)) throw new Error('expected raw content');
    expect([content.raw.buffer, [...content.raw], request.version]).toEqual([body.buffer, [5, 6], '3']);
  });
});

describe('headerLengthOf()', () => {
  it('reads a number of bytes', () =>
    expect([headerLengthOf('12'), headerLengthOf(undefined)]).toEqual([12, undefined]));

  it.each(['-1', '1.5', '1e3', '', ' 1', '0x10', '9'.repeat(20)])('refuses %j', (text) => {
    expect(() => headerLengthOf(text)).toThrow("'Inference-Header-Content-Length'");
  });
});

describe('rawInferCall()', () => {
  const metadata = (...inputs: ModelMetadata['inputs']): ModelMetadata => ({
    name: 'm',
    versions: ['1'],
    platform: '',
    inputs,
    outputs: [],
  });

  it('is a batch of 1, and one more variable dimension follows from the bytes', () => {
    const call = rawInferCall(
      metadata({ name: 'x', datatype: 'FP32', shape: [-1, 3, -1] }),
      undefined,
      Buffer.alloc(48),
    );
    expect(call.request.inputs[0]?.shape).toEqual([1, 3, 4]);
    expect(call.form.binaryByDefault).toBe(true);
  });

  it('puts the length before the one element of BYTES', () => {
    const call = rawInferCall(metadata({ name: 'x', datatype: 'BYTES', shape: [1] }), undefined, Buffer.from('hey'));
    expect(call.request.inputs[0]).toMatchObject({ shape: [1], content: { raw: Buffer.from('\x03\0\0\0hey') } });
  });

  it.each([
    [
      'more than one input',
      metadata({ name: 'a', datatype: 'FP32', shape: [1] }, { name: 'b', datatype: 'FP32', shape: [1] }),
      4,
    ],
    ['two variable dimensions', metadata({ name: 'a', datatype: 'FP32', shape: [1, -1, -1] }), 16],
    ['bytes that do not divide', metadata({ name: 'a', datatype: 'FP32', shape: [1, -1, 3] }), 16],
  ])('refuses %s', (_, model, bytes) => {
    expect(() => rawInferCall(model, undefined, Buffer.alloc(bytes))).toThrow("Model 'm'");
  });
});
