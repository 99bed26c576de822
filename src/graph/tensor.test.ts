import { describe, expect, it } from 'vitest';
import { Tensor } from './tensor.ts';
import { bfloatToNumber, halfToNumber, numberToBfloat, numberToHalf } from './tensor-elements.ts';

describe('Tensor', () => {
  it('of() lays int64 out in little-endian order', () => {
    expect([...Tensor.int64s([1, -1]).bytes]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
  });

  it('elements() keeps 64-bit integers exact', () => {
    expect(Tensor.int64s([2n ** 63n - 1n, -7]).elements()).toEqual([9223372036854775807n, -7]);
  });

  it('of() packs 4-bit elements from the low bits, as onnx.proto says', () => {
    const tensor = Tensor.of('int4', [3], [1, -2, 7]);
    expect([...tensor.bytes]).toEqual([0xe1, 0x07]);
    expect(tensor.elements()).toEqual([1, -2, 7]);
  });

  it('of() packs 2-bit elements from the low bits', () => {
    expect([...Tensor.of('uint2', [5], [0, 1, 2, 3, 2]).bytes]).toEqual([0b11100100, 2]);
  });

  it('of() refuses what does not fit', () => {
    expect(() => Tensor.of('int8', [1], [128])).toThrow(/int8 tensor cannot be 128/);
    expect(() => Tensor.of('int32', [1], [0.5])).toThrow(/cannot be 0.5/);
    expect(() => Tensor.of('float32', [3], [1])).toThrow(/needs 3 elements, received 1/);
    expect(() => new Tensor('float32', [2], new Uint8Array(7))).toThrow(/takes 8 bytes, received 7/);
  });

  it('float32s() reads data at any offset, of a Buffer too', () => {
    const file = Buffer.concat([Buffer.from([0]), Tensor.of('float32', [2], [1.5, -2]).bytes]);
    expect([...new Tensor('float32', [2], file.subarray(1)).float32s()]).toEqual([1.5, -2]);
  });

  it('bytes refuses a source that gives another length', () => {
    expect(() => new Tensor('float32', [2], () => new Uint8Array(4)).bytes).toThrow(
      expect.objectContaining({ code: 'corrupt' }),
    );
  });
});

describe('half precision', () => {
  // The table of IEEE 754 binary16 examples.
  const cases: [number, number][] = [
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, (1023 / 1024) * 2 ** -14],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3bff, 1 - 2 ** -11],
    [0x3c00, 1],
    [0x3c01, 1 + 2 ** -10],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
  ];
  it.each(cases)('bits %i are %f both ways', (bits, value) => {
    expect(halfToNumber(bits)).toBe(value);
    expect(numberToHalf(value)).toBe(bits);
  });

  it('rounds to nearest, ties to even', () => {
    expect(numberToHalf(1 / 3)).toBe(0x3555);
    expect(numberToHalf(1 + 2 ** -11)).toBe(0x3c00);
    expect(numberToHalf(1 + 3 * 2 ** -11)).toBe(0x3c02);
    expect(numberToHalf(65519)).toBe(0x7bff);
    expect(numberToHalf(65520)).toBe(0x7c00);
    expect(numberToHalf(2 ** -25)).toBe(0);
    expect(numberToHalf(-0)).toBe(0x8000);
  });

  it('every finite half survives', () => {
    const all = Array.from({ length: 0x7c00 }, (_, bits) => bits);
    expect(all.filter((bits) => numberToHalf(halfToNumber(bits)) !== bits)).toEqual([]);
  });

  it('bfloat16 is the upper half of float32, rounded to even', () => {
    expect(bfloatToNumber(0x3f80)).toBe(1);
    expect(numberToBfloat(Math.PI)).toBe(0x4049);
    expect(numberToBfloat(1 + 2 ** -8)).toBe(0x3f80);
    expect(numberToBfloat(1 + 3 * 2 ** -8)).toBe(0x3f82);
  });
});
