import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Random, SkeinError } from '../../base/index.ts';
import { type Model, makeNode, Tensor } from '../../graph/index.ts';
import { elementCount } from '../../tensor/index.ts';
import { parseModel } from '../model-file.ts';
import { serializeModel } from '../onnx-bytes.ts';
import { decodeSkz, encodeSkz, isSkz } from './skz.ts';

const hasCode = (code: string) => expect.objectContaining({ name: 'SkeinError', code });

/** Weights of `values` different values, most of them zero. */
function weights(random: Random, dims: readonly number[], values: number, density: number): Tensor {
  const book = Array.from({ length: values }, () => random.normal());
  const pick = () => (random.uniform() < density ? (book[random.integer(values)] as number) : 0);
  return Tensor.float32(dims, Float32Array.from({ length: elementCount(dims) }, pick));
}

function network(scale = 1): Model {
  const random = new Random(5);
  const conv = weights(random, [8, 3, 3, 3], 15, 0.5);
  const core = weights(random, [16 * scale, 8, 3, 3], 15, 0.1);
  const dense = weights(random, [16 * scale, 10], 31, 1);
  const free = Tensor.float32(
    [16 * scale],
    Float32Array.from({ length: 16 * scale }, () => random.normal()),
  );
  return {
    irVersion: 8,
    opsets: new Map([['', 17]]),
    producerName: 'skein',
    producerVersion: '',
    graph: {
      name: 'network',
      inputs: [{ name: 'x', type: { dtype: 'float32', dims: ['n', 3, 8, 8] } }],
      outputs: [{ name: 'y', type: { dtype: 'float32', dims: ['n', 10] } }],
      initializers: new Map([
        ['conv', conv],
        ['core', core],
        ['bias', free],
        ['axes', Tensor.int64s([2, 3])],
        ['dense', dense],
      ]),
      sparseInitializers: new Map(),
      nodes: [
        makeNode({ opType: 'Conv', inputs: ['x', 'conv'], outputs: ['a'] }),
        makeNode({ opType: 'Conv', inputs: ['a', 'core', 'bias'], outputs: ['b'] }),
        makeNode({ opType: 'ReduceMean', inputs: ['b'], outputs: ['c'], attributes: { axes: [2, 3], keepdims: 0 } }),
        makeNode({ opType: 'MatMul', inputs: ['c', 'dense'], outputs: ['y'] }),
      ],
      valueInfos: new Map(),
    },
    functions: [],
    trainingInfos: [],
    metadata: new Map([['labels', '["a"]']]),
  };
}

function withWeight(name: string, tensor: Tensor): Model {
  const model = network();
  return { ...model, graph: { ...model.graph, initializers: new Map([[name, tensor]]), nodes: [] } };
}

/** The file with a checksum that fits, as a writer with a fault would make it. */
function sealed(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const hash = createHash('sha256').update(copy.subarray(0, 8)).update(copy.subarray(40));
  copy.set(hash.digest(), 8);
  return copy;
}

/** Reads everything that a file holds. */
function readAll(bytes: Uint8Array): Uint8Array {
  return serializeModel(decodeSkz(bytes));
}

describe('encodeSkz() and decodeSkz()', () => {
  it('give back the model, byte for byte', () => {
    const model = network(4);
    const { bytes, tensors } = encodeSkz(model);
    expect(isSkz(bytes)).toBe(true);
    expect(tensors.map(({ name, indexBits }) => [name, indexBits > 0])).toEqual([
      ['conv', false],
      ['core', true],
      ['dense', false],
    ]);
    expect(readAll(bytes)).toEqual(serializeModel(model));
    expect(serializeModel(parseModel(bytes))).toEqual(serializeModel(model));
    expect(bytes.length).toBeLessThan(serializeModel(model).length / 3);
  });

  it('keep the bits of every value, those of −0, infinities and NaN included', () => {
    const bits = new Uint32Array(4000);
    for (const [i, value] of [0x80000000, 0x7fc12345, 0xff800000, 1, 0x7f800000].entries()) bits[17 * i] = value;
    const tensor = new Tensor('float32', [40, 100], new Uint8Array(bits.buffer));
    const { bytes, tensors } = encodeSkz(withWeight('w', tensor));
    expect(tensors[0]).toMatchObject({ nonZeros: 5, codebookSize: 5 });
    expect(decodeSkz(bytes).graph.initializers.get('w')?.bytes).toEqual(tensor.bytes);
  });

  it('code each of any density, number of values and bits of positions exactly', () => {
    const random = new Random(11);
    for (let round = 0; round < 60; round++) {
      const dims = [1 + random.integer(40), 1 + random.integer(40), 3];
      const tensor = weights(random, dims, 1 + random.integer(300), random.uniform() ** 3);
      const indexBits = 1 + random.integer(8);
      const { bytes } = encodeSkz(withWeight('w', tensor), { indexBits: () => indexBits });
      expect(decodeSkz(bytes).graph.initializers.get('w')?.bytes).toEqual(tensor.bytes);
    }
  });

  it.each([0, 9, 1.5, Number.NaN])('refuse positions of %s bits', (bits) => {
    expect(() => encodeSkz(network(), { indexBits: () => bits })).toThrow(hasCode('invalid-argument'));
  });

  it('leave a tensor as it is where coding does not pay', () => {
    const random = new Random(1);
    const free = Tensor.float32(
      [70, 70],
      Float32Array.from({ length: 4900 }, () => random.normal()),
    );
    expect(encodeSkz(withWeight('w', free)).tensors).toEqual([]);
    expect(encodeSkz(withWeight('w', Tensor.float32([0], new Float32Array()))).tensors).toEqual([]);
    expect(readAll(encodeSkz(withWeight('w', free)).bytes)).toEqual(serializeModel(withWeight('w', free)));
  });

  it('code a layer of nothing but zeros, and one of one value, in a bit an entry', () => {
    const zeros = encodeSkz(withWeight('w', Tensor.float32([512, 512], new Float32Array(512 * 512))));
    // A filler a span of 256.
    expect(zeros.tensors[0]).toMatchObject({ nonZeros: 0, entries: 1024, codeBits: 1024, gapBits: 1024 });
    const ones = encodeSkz(withWeight('w', Tensor.float32([64, 64], new Float32Array(64 * 64).fill(1))));
    expect(ones.tensors[0]).toMatchObject({ indexBits: 0, codeBits: 4096, gapBits: 0 });
  });

  it('count streams as the sum of the parts of the file', () => {
    const { bytes, tensors } = encodeSkz(network(4));
    const core = tensors[1];
    if (core === undefined) throw new Error('no tensor');
    const streams = Math.ceil(core.codeBits / 8) + Math.ceil(core.gapBits / 8);
    // Name, rank and dimensions, bits of positions, codebook, entries; then both tables of lengths and byte counts.
    const fields = 2 + 4 + 1 + 4 * 4 + 1 + 2 + 4 * core.codebookSize + 4;
    const tables = 2 * (2 + 4);
    const lengths = core.bytes - streams - fields - tables;
    expect(lengths).toBeGreaterThan(0);
    expect(lengths).toBeLessThanOrEqual(Math.ceil((core.codebookSize + 1) / 2) + 128);
    expect(tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)).toBeLessThan(bytes.length);
  });
});

describe('decodeSkz() of a damaged file', () => {
  const { bytes } = encodeSkz(network());

  it('refuses every changed byte', () => {
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Uint8Array.from(bytes);
      damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
      expect(() => serializeModel(parseModel(damaged)), `byte ${at}`).toThrow(hasCode('corrupt'));
    }
  });

  it('refuses every truncation, and bytes behind the end', () => {
    for (let length = 0; length < bytes.length; length += length < 60 ? 1 : 13) {
      expect(() => parseModel(bytes.subarray(0, length)), `${length} bytes`).toThrow(hasCode('corrupt'));
    }
    expect(() => parseModel(Uint8Array.of(...bytes, 0))).toThrow(hasCode('corrupt'));
    expect(() => parseModel(sealed(Uint8Array.of(...bytes, 0)))).toThrow(/1 bytes are behind its last tensor/);
  });

  it('never crashes on what a faulty writer sealed: every byte at several values', () => {
    let refused = 0;
    for (let at = 40; at < bytes.length; at++) {
      for (const change of [1, 0x80, 0xff]) {
        const damaged = Uint8Array.from(bytes);
        damaged[at] = (damaged[at] as number) ^ change;
        try {
          readAll(sealed(damaged));
        } catch (error) {
          expect(error, `byte ${at}`).toBeInstanceOf(SkeinError);
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('tells a later version from damage', () => {
    const later = Uint8Array.from(bytes);
    later[4] = 2;
    expect(() => decodeSkz(later)).toThrow(hasCode('corrupt'));
    expect(() => decodeSkz(sealed(later))).toThrow(hasCode('unsupported'));
  });
});

describe('decodeSkz() of a sealed file with', () => {
  /** One sparse tensor named 'w' of 2 entries, field by field. */
  const record = (
    changes: Partial<
      Record<'dims' | 'bits' | 'entries' | 'lengths' | 'name' | 'count' | 'inflated' | 'garbage', number[]>
    > = {},
  ) => {
    const u32 = (value: number) => [0, 8, 16, 24].map((shift) => Math.floor(value / 2 ** shift) % 256);
    const { dims = [8], bits = [2], entries = [2], lengths = [0x10, 0x00], name = [0x77], count = [1] } = changes;
    const { inflated = [], garbage = [] } = changes;
    const plain = serializeModel(withWeight('w', Tensor.float32([0], new Float32Array())));
    const onnx = deflateRawSync(plain);
    return sealed(
      Uint8Array.from([
        ...bytes8,
        ...new Array<number>(32).fill(0),
        ...u32(onnx.length + garbage.length),
        ...u32(inflated[0] ?? plain.length),
        ...u32(count[0] as number),
        ...onnx,
        ...garbage,
        ...[name.length, 0, ...name],
        ...[dims.length, ...dims.flatMap(u32)],
        ...bits,
        ...[1, 0, 0, 0, 0x80, 0x3f],
        ...u32(entries[0] as number),
        // Codes: only code 1 occurs; gaps: only gap 3.
        ...[2, 0, ...lengths.slice(0, 1), ...u32(1), 0],
        ...[4, 0, ...lengths.slice(1), 0x10, ...u32(1), 0],
      ]),
    );
  };
  const bytes8 = [0x89, 0x53, 0x4b, 0x5a, 1, 0, 0, 0];
  const weightOf = (file: Uint8Array) => decodeSkz(file).graph.initializers.get('w');

  it('fields as the document has them', () => {
    expect(weightOf(record())?.elements()).toEqual([0, 0, 0, 1, 0, 0, 0, 1]);
    expect(weightOf(record({ dims: [11] }))?.elements()).toEqual([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
  });

  it.each([
    ['dimensions of gigabytes', { dims: [4e9, 4e9] }, /shape has 16000000000000000000 elements/],
    ['dimensions that overflow', { dims: new Array<number>(200).fill(4e9) }, /shape has/],
    ['dimensions that overflow, and a 0', { dims: [...new Array<number>(40).fill(2 ** 32 - 1), 0] }, /shape has NaN/],
    ['a dimension beyond the entries', { dims: [12] }, /12 elements, which 2 entries/],
    ['fewer elements than entries', { dims: [1] }, /1 elements, which 2 entries/],
    ['entries of gigabytes', { entries: [4e9], dims: [4e9] }, /1 bytes cannot hold 4000000000 symbols/],
    ['bits of positions that there are not', { bits: [9] }, /9 bits, 8 at most/],
    ['an over-filled table', { lengths: [0x11, 0x11] }, /more words than there can be/],
    ['an under-filled table', { lengths: [0x20, 0x00] }, /words without a meaning/],
    ['a name that the model does not have', { name: [0x78] }, /no place for the tensor 'x'/],
    ['more tensors than bytes', { count: [4e9] }, /cannot hold 4000000000 tensors/],
    ['an ONNX part that would be of gigabytes', { inflated: [2e9] }, /ONNX part cannot have 2000000000 bytes/],
    ['an ONNX part that is longer than it says', { inflated: [10] }, /larger than 10 bytes/],
    ['an ONNX part that is shorter than it says', { inflated: [500] }, /another length than it says/],
    ['bytes behind the ONNX part', { garbage: [1, 2, 3] }, /another length than it says/],
    ['a name that is no UTF-8', { name: [0xff] }, /UTF-8|utf-8/],
  ])('%s is refused', (_, changes, message) => {
    expect(() => weightOf(record(changes))?.bytes).toThrow(hasCode('corrupt'));
    expect(() => weightOf(record(changes))?.bytes).toThrow(message);
  });

  it('positions beyond its shape is refused when they are read', () => {
    const tensor = weightOf(record({ dims: [7] }));
    expect(() => tensor?.bytes).toThrow(hasCode('corrupt'));
    expect(() => tensor?.bytes).toThrow(/tensor 'w': its positions go beyond its end/);
  });
});
