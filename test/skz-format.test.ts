/**
 * A reader of `.skz` files that was written from docs/skz-format.md alone, bit by bit and with nothing of src/onnx/skz: where
 * it and the writer differ, the document is wrong.
 */
import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Random } from '../src/base/index.ts';
import { type Model, Tensor } from '../src/graph/index.ts';
import { encodeSkz, parseModel, serializeModel } from '../src/onnx/index.ts';
import { buildArchitecture } from '../src/zoo/index.ts';

interface Read {
  readonly onnx: Buffer;
  readonly tensors: { readonly name: string; readonly dims: number[]; readonly bits: Uint32Array }[];
}

function readSkz(file: Buffer): Read {
  if (file.subarray(0, 4).toString('hex') !== '89534b5a' || file.readUInt32LE(4) !== 1)
    throw new Error('not version 1');
  const hash = createHash('sha256').update(file.subarray(0, 8)).update(file.subarray(40)).digest('hex');
  if (hash !== file.subarray(8, 40).toString('hex')) throw new Error('checksum');
  let at = 52;
  const take = (length: number): Buffer => {
    at += length;
    return file.subarray(at - length, at);
  };
  const u8 = () => take(1).readUInt8();
  const u16 = () => take(2).readUInt16LE();
  const u32 = () => take(4).readUInt32LE();
  const list = <T>(count: number, read: () => T): T[] => Array.from({ length: count }, read);

  const stream = (symbols: number): number[] => {
    const count = u16();
    const halves = [...take(Math.ceil(count / 2))].flatMap((byte) => [byte % 16, byte >> 4]);
    const symbolOf = new Map<string, number>();
    let word = 0;
    for (let length = 1; length <= 15; length++) {
      for (let symbol = 0; symbol < count; symbol++) {
        if (halves[symbol] === length) symbolOf.set((word++).toString(2).padStart(length, '0'), symbol);
      }
      word *= 2;
    }
    const bits = [...take(u32())].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    let from = 0;
    const read = list(symbols, () => {
      let to = from + 1;
      while (!symbolOf.has(bits.slice(from, to))) if (to++ > from + 15) throw new Error('a word without a meaning');
      const symbol = symbolOf.get(bits.slice(from, to)) as number;
      from = to;
      return symbol;
    });
    if (!/^0{0,7}$/.test(bits.slice(from))) throw new Error('the end of a stream');
    return read;
  };

  const onnxLength = file.readUInt32LE(40);
  const onnx = inflateRawSync(take(onnxLength));
  expect(onnx.length).toBe(file.readUInt32LE(44));
  const tensors = list(file.readUInt32LE(48), () => {
    const name = take(u16()).toString('utf8');
    const dims = list(u8(), u32);
    const indexBits = u8();
    const values = [0, ...list(u16(), u32)];
    const entries = u32();
    const codes = stream(entries);
    const bits = new Uint32Array(dims.reduce((a, b) => a * b, 1));
    if (indexBits === 0) bits.set(codes.map((code) => values[code] as number));
    else {
      let place = -1;
      for (const [i, gap] of stream(entries).entries()) {
        place += gap + 1;
        bits[place] = values[codes[i] as number] as number;
      }
      expect(bits.length - 1 - place).toBeLessThan(2 ** indexBits);
    }
    return { name, dims, bits };
  });
  expect(at).toBe(file.length);
  return { onnx, tensors };
}

/** The model with weights of few values, as far as they are matrices. */
function coarse(model: Model, levels: number, smallest: number): Model {
  const initializers = new Map(model.graph.initializers);
  for (const [name, tensor] of initializers) {
    if (tensor.dims.length < 2 || tensor.dtype !== 'float32') continue;
    const values = tensor.float32s();
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const rounded = values.map((value) => {
      const share = value / largest;
      return Math.abs(share) < smallest ? 0 : (Math.round(share * levels) / levels) * largest;
    });
    initializers.set(name, Tensor.float32(tensor.dims, rounded));
  }
  return { ...model, graph: { ...model.graph, initializers } };
}

describe('a reader written from docs/skz-format.md', () => {
  it.each([
    ['lenet', 8, 0.3, 8],
    ['resnet20:width=0.5', 15, 0, 8],
    ['resnet20:width=0.25', 3, 0.6, 2],
    ['lenet', 100, 0.5, 5],
  ])('reads %s as the model that was written', (name, levels, smallest, indexBits) => {
    const model = coarse(buildArchitecture(name, { seed: new Random(4).integer(100) }), levels, smallest);
    const { bytes, tensors } = encodeSkz(model, { indexBits: () => indexBits });
    const read = readSkz(Buffer.from(bytes));
    expect(read.tensors.length).toBe(tensors.length);
    expect(read.tensors.length).toBeGreaterThan(3);
    const stripped = parseModel(read.onnx);
    const initializers = new Map(stripped.graph.initializers);
    for (const { name: tensor, dims, bits } of read.tensors) {
      expect(initializers.get(tensor)).toMatchObject({ dtype: 'float32', dims: [0] });
      initializers.set(tensor, new Tensor('float32', dims, new Uint8Array(bits.buffer)));
    }
    const whole = { ...stripped, graph: { ...stripped.graph, initializers } };
    const expected = Buffer.from(serializeModel(model));
    expect(expected.equals(serializeModel(whole))).toBe(true);
    expect(expected.equals(serializeModel(parseModel(bytes)))).toBe(true);
  });
});
