/**
 * Raw little-endian bytes ↔ JavaScript numbers, for every element type that has a number. Half precision is done by
 * hand, since Float16Array is younger than the oldest Node that Skein runs on.
 */
import { SkeinError } from '../base/index.ts';
import type { DType } from '../tensor/index.ts';

type Reader = (view: DataView, index: number) => number | bigint;
type Writer = (view: DataView, index: number, value: number | bigint) => void;

interface Codec {
  readonly bits: number;
  readonly read: Reader;
  readonly write: Writer;
  /** Integers only: what fits. */
  readonly range?: readonly [low: bigint, high: bigint];
}

const LITTLE = true;

/** A bigint only where a number would not be exact. */
function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Types below a byte: element i lies in the bits from (i · bits) mod 8 of its byte. */
function packed(bits: 2 | 4, signed: boolean): Codec {
  const mask = (1 << bits) - 1;
  const perByte = 8 / bits;
  const half = 1 << (bits - 1);
  return {
    bits,
    range: signed ? [BigInt(-half), BigInt(half - 1)] : [0n, BigInt(mask)],
    read: (view, i) => {
      const raw = (view.getUint8(Math.floor(i / perByte)) >> ((i % perByte) * bits)) & mask;
      return signed && raw >= half ? raw - 2 * half : raw;
    },
    write: (view, i, value) => {
      const at = Math.floor(i / perByte);
      view.setUint8(at, view.getUint8(at) | ((Number(value) & mask) << ((i % perByte) * bits)));
    },
  };
}

const CODECS: Partial<Record<DType, Codec>> = {
  float32: {
    bits: 32,
    read: (view, i) => view.getFloat32(4 * i, LITTLE),
    write: (view, i, value) => view.setFloat32(4 * i, Number(value), LITTLE),
  },
  float64: {
    bits: 64,
    read: (view, i) => view.getFloat64(8 * i, LITTLE),
    write: (view, i, value) => view.setFloat64(8 * i, Number(value), LITTLE),
  },
  float16: {
    bits: 16,
    read: (view, i) => halfToNumber(view.getUint16(2 * i, LITTLE)),
    write: (view, i, value) => view.setUint16(2 * i, numberToHalf(Number(value)), LITTLE),
  },
  bfloat16: {
    bits: 16,
    read: (view, i) => bfloatToNumber(view.getUint16(2 * i, LITTLE)),
    write: (view, i, value) => view.setUint16(2 * i, numberToBfloat(Number(value)), LITTLE),
  },
  bool: {
    bits: 8,
    range: [0n, 1n],
    read: (view, i) => (view.getUint8(i) === 0 ? 0 : 1),
    write: (view, i, value) => view.setUint8(i, Number(value)),
  },
  uint8: integers(8, false, 'Uint8'),
  int8: integers(8, true, 'Int8'),
  uint16: integers(16, false, 'Uint16'),
  int16: integers(16, true, 'Int16'),
  uint32: integers(32, false, 'Uint32'),
  int32: integers(32, true, 'Int32'),
  int64: {
    bits: 64,
    range: [-(2n ** 63n), 2n ** 63n - 1n],
    read: (view, i) => exact(view.getBigInt64(8 * i, LITTLE)),
    write: (view, i, value) => view.setBigInt64(8 * i, BigInt(value), LITTLE),
  },
  uint64: {
    bits: 64,
    range: [0n, 2n ** 64n - 1n],
    read: (view, i) => exact(view.getBigUint64(8 * i, LITTLE)),
    write: (view, i, value) => view.setBigUint64(8 * i, BigInt(value), LITTLE),
  },
  uint4: packed(4, false),
  int4: packed(4, true),
  uint2: packed(2, false),
  int2: packed(2, true),
};

function integers(
  bits: 8 | 16 | 32,
  signed: boolean,
  name: 'Uint8' | 'Int8' | 'Uint16' | 'Int16' | 'Uint32' | 'Int32',
): Codec {
  const size = bits / 8;
  const span = 2n ** BigInt(bits);
  return {
    bits,
    range: signed ? [-span / 2n, span / 2n - 1n] : [0n, span - 1n],
    read: (view, i) => view[`get${name}`](size * i, LITTLE),
    write: (view, i, value) => view[`set${name}`](size * i, Number(value), LITTLE),
  };
}

/** Undefined for types whose elements are no plain numbers here (complex, 4- and 8-bit floats). */
export function decodeElements(dtype: DType, bytes: Uint8Array, count: number): (number | bigint)[] | undefined {
  const codec = CODECS[dtype];
  if (codec === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, i) => codec.read(view, i));
}

export function encodeElements(dtype: DType, elements: ArrayLike<number | bigint>): Uint8Array {
  const codec = CODECS[dtype];
  if (codec === undefined) throw new SkeinError('unsupported', `Cannot make a ${dtype} tensor from numbers`);
  const bytes = new Uint8Array(Math.ceil((codec.bits * elements.length) / 8));
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < elements.length; i++) {
    const value = elements[i] as number | bigint;
    if (codec.range !== undefined && !fits(value, codec.range)) {
      throw new SkeinError('invalid-argument', `Element ${i} of a ${dtype} tensor cannot be ${value}`);
    }
    codec.write(view, i, value);
  }
  return bytes;
}

function fits(value: number | bigint, [low, high]: readonly [bigint, bigint]): boolean {
  if (typeof value === 'number' && !Number.isInteger(value)) return false;
  const integer = BigInt(value);
  return integer >= low && integer <= high;
}

const scratch = new DataView(new ArrayBuffer(4));

/** IEEE 754 binary16 bits to a number. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** A number to IEEE 754 binary16 bits, rounded to nearest, ties to even. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  // The spacing of the halves around this magnitude; subnormals share the smallest.
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.max(magnitude, 2 ** -14))));
  const spacing = 2 ** (exponent - 10);
  const steps = roundToEven(magnitude / spacing);
  // `steps` counts from zero in this binade; a carry into the next binade lands in the exponent by itself.
  return sign | (steps < 1024 ? steps : ((exponent + 15) << 10) + (steps - 1024));
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

export function bfloatToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** A number to bfloat16 bits, rounded from float32 to nearest, ties to even. */
export function numberToBfloat(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
