import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Random } from '../../base/index.ts';
import type { InferResponse } from '../protocol.ts';
import {
  ModelInferRequestSchema,
  ModelInferResponseSchema,
  ModelStreamInferResponseSchema,
} from './gen/grpc_service_pb.ts';
import { readInferMessage } from './infer-message.ts';
import { encodeInferWire, encodeStreamWire, readInferWire } from './infer-wire.ts';

const bytesOf = (request: MessageInitShape<typeof ModelInferRequestSchema>): Buffer =>
  Buffer.from(toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, request)));

const PLAIN = {
  modelName: 'resnet20',
  modelVersion: '3',
  id: 'id-1',
  inputs: [
    { name: 'a', datatype: 'FP32', shape: [1n, 300n, 70_000n] },
    { name: 'b', datatype: 'BYTES', shape: [] },
  ],
  outputs: [{ name: 'x' }, { name: 'y' }],
  rawInputContents: [new Uint8Array([1, 2, 3]), new Uint8Array(200)],
};

describe('readInferWire()', () => {
  it('reads what the generated message reads, its tensors as views', () => {
    const bytes = bytesOf(PLAIN);
    const request = readInferWire(bytes);
    expect(request).toEqual({
      model: 'resnet20',
      version: '3',
      id: 'id-1',
      inputs: [
        { name: 'a', datatype: 'FP32', shape: [1, 300, 70_000], content: { raw: Buffer.from([1, 2, 3]) } },
        { name: 'b', datatype: 'BYTES', shape: [], content: { raw: Buffer.alloc(200) } },
      ],
      outputs: [{ name: 'x' }, { name: 'y' }],
    });
    const content = request?.inputs[0]?.content;
    expect(content !== undefined && 'raw' in content && content.raw.buffer).toBe(bytes.buffer);
  });

  const parameters = { priority: { parameterChoice: { case: 'int64Param' as const, value: 1n } } };
  it.each([
    ['parameters', { ...PLAIN, parameters }],
    ['parameters of an input', { ...PLAIN, inputs: [{ ...PLAIN.inputs[0], parameters }, { name: 'b' }] }],
    ['parameters of an output', { ...PLAIN, outputs: [{ name: 'x', parameters }] }],
    ['a name beyond ASCII', { ...PLAIN, modelName: 'größe' }],
    ['typed contents', { modelName: 'm', inputs: [{ name: 'a', contents: { fp32Contents: [1] } }] }],
    ['a negative dimension', { ...PLAIN, inputs: [{ shape: [-1n] }, {}] }],
    ['an absurd dimension', { ...PLAIN, inputs: [{ shape: [2n ** 50n] }, {}] }],
    ['a tensor without its bytes', { ...PLAIN, rawInputContents: [new Uint8Array(1)] }],
    ['no tensor', { modelName: 'm' }],
  ])('leaves %s to the generated message', (_, request) => {
    expect(readInferWire(bytesOf(request))).toBeUndefined();
  });

  it('agrees with the generated message on 20,000 changed and cut off messages, wherever it reads them', () => {
    const random = new Random(5);
    const whole = bytesOf({ ...PLAIN, modelName: 'm', rawInputContents: [new Uint8Array(8), new Uint8Array(8)] });
    let read = 0;
    for (let count = 0; count < 20_000; count++) {
      const bytes = Buffer.from(
        whole.subarray(0, random.integer(4) === 0 ? random.integer(whole.length) : whole.length),
      );
      for (let times = random.integer(3); times > 0 && bytes.length > 0; times--) {
        bytes[random.integer(bytes.length)] = random.integer(256);
      }
      const request = readInferWire(bytes);
      if (request === undefined) continue;
      read++;
      expect(request).toEqual(readInferMessage(fromBinary(ModelInferRequestSchema, bytes)));
    }
    expect(read).toBeGreaterThan(3000);
  });
});

describe('encodeInferWire()', () => {
  const response: InferResponse = {
    model: 'größe',
    version: '12',
    id: 'x'.repeat(300),
    parameters: { skein_late_parts: 'root.parallel.0,'.repeat(20) },
    outputs: [
      {
        name: 'scores',
        datatype: 'FP32',
        shape: [2, 1000],
        data: Float32Array.from({ length: 2000 }, (_, i) => i / 7),
      },
      { name: 'labels', datatype: 'BYTES', shape: [1], data: ['0.5:1:größe'] },
      { name: 'scalar', datatype: 'FP32', shape: [], data: Float32Array.of(1.5) },
    ],
  };
  const expected = {
    modelName: 'größe',
    modelVersion: '12',
    id: 'x'.repeat(300),
    parameters: {
      skein_late_parts: {
        parameterChoice: { case: 'stringParam' as const, value: 'root.parallel.0,'.repeat(20) },
      },
    },
    outputs: [
      { name: 'scores', datatype: 'FP32', shape: [2n, 1000n] },
      { name: 'labels', datatype: 'BYTES', shape: [1n] },
      { name: 'scalar', datatype: 'FP32', shape: [] },
    ],
  };

  it('writes byte for byte what the generated message writes', () => {
    const [scores, , scalar] = response.outputs.map(({ data }) => data as Float32Array);
    const text = Buffer.from('0.5:1:größe');
    const message = create(ModelInferResponseSchema, {
      ...expected,
      rawOutputContents: [
        new Uint8Array(scores?.buffer as ArrayBuffer),
        Buffer.concat([Buffer.from([text.length, 0, 0, 0]), text]),
        new Uint8Array(scalar?.buffer as ArrayBuffer),
      ],
    });
    const wire = encodeInferWire(response);
    expect(wire.equals(toBinary(ModelInferResponseSchema, message))).toBe(true);
    expect(encodeInferWire(response, 5).subarray(5).equals(wire)).toBe(true);
  });

  it('is wrapped for a stream', () => {
    const message = fromBinary(ModelStreamInferResponseSchema, encodeStreamWire(response));
    expect(message).toMatchObject({ errorMessage: '', inferResponse: expected });
  });

  it('leaves out what is empty', () => {
    const bare: InferResponse = { model: 'm', version: '', outputs: [] };
    expect([...encodeInferWire(bare)]).toEqual([0x0a, 1, 0x6d]);
  });
});
