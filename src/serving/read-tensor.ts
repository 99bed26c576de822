/**
 * Turns the tensor of a request into rows for a model, checking name, datatype, shape and size: FP32 [n,C,H,W] as it is,
 * BYTES [n] as n image files. Whatever is wrong is named; nothing is allocated before the sizes are known to agree.
 */
import { SkeinError } from '../base/index.ts';
import { elementCount, formatShape, type Shape } from '../tensor/index.ts';
import type { InferInput } from './protocol.ts';

export interface ImageInput {
  readonly name: string;
  /** [C, H, W] */
  readonly shape: Shape;
}

/** Under this name, too, a request may send image files, so that it reads as what it is. */
export const IMAGE_INPUT_NAME = 'image';

export type ImageRows =
  | {
      readonly kind: 'tensor';
      readonly count: number;
      readonly data: Float32Array;
      /** Whether the data lies in a buffer that was taken for it, rather than in the request's body. */
      readonly taken: boolean;
    }
  | { readonly kind: 'files'; readonly count: number; readonly files: readonly Uint8Array[] };

/**
 * @param maxBytes that all rows may take as floats, whatever they come as: an image file of some bytes becomes C·H·W of
 * them. One row is always let in.
 * @param take gives so many floats to copy rows to that cannot be used in place
 * @throws SkeinError 'invalid-argument' or 'too-large'
 */
export function readImageRows(
  inputs: readonly InferInput[],
  expected: ImageInput,
  maxBytes: number,
  take: (length: number) => Float32Array,
): ImageRows {
  const wanted = () =>
    `one input '${expected.name}', FP32 ${formatShape(['n', ...expected.shape])} or BYTES [n] of image files`;
  const input = inputs[0];
  if (input === undefined || inputs.length > 1) {
    const received = inputs.length === 0 ? 'none' : inputs.map(({ name }) => `'${name}'`).join(', ');
    throw new SkeinError('invalid-argument', `Expected ${wanted()}, received ${received}`);
  }
  if (input.name !== expected.name && !(input.name === IMAGE_INPUT_NAME && input.datatype === 'BYTES')) {
    throw new SkeinError('invalid-argument', `Expected ${wanted()}, received input '${input.name}'`);
  }
  checkDimensions(input);
  const fits =
    input.datatype === 'FP32'
      ? input.shape.length === expected.shape.length + 1 &&
        expected.shape.every((size, i) => size === input.shape[i + 1])
      : input.datatype === 'BYTES' && (input.shape.length === 1 || (input.shape.length === 2 && input.shape[1] === 1));
  if (!fits) {
    throw new SkeinError(
      'invalid-argument',
      `Expected ${wanted()}, received ${input.datatype} ${formatShape(input.shape)}`,
    );
  }
  const count = input.shape[0] as number;
  const maxRows = Math.max(1, Math.floor(maxBytes / (elementCount(expected.shape) * Float32Array.BYTES_PER_ELEMENT)));
  if (count > maxRows) {
    throw new SkeinError(
      'too-large',
      `Input '${input.name}' has ${count} rows: a request may have at most ${maxRows} images of ${formatShape(expected.shape)}`,
    );
  }
  return input.datatype === 'FP32'
    ? { kind: 'tensor', count, ...readFloats(input, count * elementCount(expected.shape), take) }
    : { kind: 'files', count, files: readFiles(input, count) };
}

function checkDimensions({ name, shape }: InferInput): void {
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 1) {
      throw new SkeinError(
        'invalid-argument',
        `The shape of input '${name}' must consist of whole numbers from 1, received ${formatShape(shape)}`,
      );
    }
  }
}

function readFloats(
  input: InferInput,
  count: number,
  take: (length: number) => Float32Array,
): { readonly data: Float32Array; readonly taken: boolean } {
  const { content } = input;
  if ('raw' in content) {
    const { raw } = content;
    if (raw.byteLength !== count * 4) {
      throw new SkeinError(
        'invalid-argument',
        `Input '${input.name}' of shape ${formatShape(input.shape)} needs ${count * 4} bytes, received ${raw.byteLength}`,
      );
    }
    // Where the bytes lie at a multiple of four they are used in place.
    if (raw.byteOffset % 4 === 0) {
      return { data: new Float32Array(raw.buffer, raw.byteOffset, count), taken: false };
    }
    const copy = take(count);
    new Uint8Array(copy.buffer, copy.byteOffset, copy.byteLength).set(raw);
    return { data: copy, taken: true };
  }
  const values = flatten(input, content.values, count);
  const data = take(count);
  for (let i = 0; i < count; i++) {
    const value = values[i];
    // As literal NaN and Infinity are refused by JSON itself, so is what becomes infinite.
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) {
      throw new SkeinError(
        'invalid-argument',
        `The data of input '${input.name}' must be numbers that float32 holds, received ${describe(value)} as element ${i}`,
      );
    }
    data[i] = value;
  }
  return { data, taken: true };
}

function readFiles(input: InferInput, count: number): Uint8Array[] {
  const { content } = input;
  if ('raw' in content) return splitBytes(input.name, content.raw, count);
  const values = flatten(input, content.values, count);
  return Array.from({ length: count }, (_, i) => {
    const value = values[i];
    if (value instanceof Uint8Array) {
      if (value.length === 0) throw emptyElement(input.name, i);
      return value;
    }
    if (typeof value !== 'string' || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(value)) {
      throw new SkeinError(
        'invalid-argument',
        `Element ${i} of input '${input.name}' must be an image file as a base64 string, received ${describe(value)}`,
      );
    }
    return Buffer.from(value, 'base64');
  });
}

/** Elements with a 4-byte little-endian length before each (binary tensor data extension). */
function splitBytes(name: string, raw: Uint8Array, count: number): Uint8Array[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const elements: Uint8Array[] = [];
  let offset = 0;
  while (offset < raw.byteLength) {
    const length = offset + 4 <= raw.byteLength ? view.getUint32(offset, true) : Number.POSITIVE_INFINITY;
    if (offset + 4 + length > raw.byteLength || elements.length === count) {
      const why =
        elements.length === count ? `holds more than ${count} elements` : `ends inside element ${elements.length}`;
      throw new SkeinError('invalid-argument', `The BYTES data of input '${name}' ${why}`);
    }
    if (length === 0) throw emptyElement(name, elements.length);
    elements.push(raw.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  if (elements.length !== count) {
    throw new SkeinError(
      'invalid-argument',
      `The BYTES data of input '${name}' must hold ${count} elements, received ${elements.length}`,
    );
  }
  return elements;
}

/** Refused here, since a body can hold millions of them, each an image to be queued and decoded. */
function emptyElement(name: string, index: number): SkeinError {
  return new SkeinError(
    'invalid-argument',
    `Element ${index} of input '${name}' must be an image file, received 0 bytes`,
  );
}

/** The elements of `values`, flat or nested as the shape is, in row-major order. */
function flatten(input: InferInput, values: ArrayLike<unknown>, count: number): ArrayLike<unknown> {
  if (values.length === count && !Array.isArray(values[0])) return values;
  const flat: unknown[] = [];
  const visit = (level: ArrayLike<unknown>, depth: number): void => {
    if (level.length !== input.shape[depth]) throw mismatch(input, count, `${level.length} at depth ${depth}`);
    for (let i = 0; i < level.length; i++) {
      const item = level[i];
      if (depth + 1 === input.shape.length) flat.push(item);
      else if (Array.isArray(item)) visit(item, depth + 1);
      else throw mismatch(input, count, `${describe(item)} at depth ${depth + 1}`);
    }
  };
  if (!Array.isArray(values[0])) throw mismatch(input, count, `${values.length}`);
  visit(values, 0);
  return flat;
}

function mismatch(input: InferInput, count: number, received: string): SkeinError {
  return new SkeinError(
    'invalid-argument',
    `Input '${input.name}' of shape ${formatShape(input.shape)} needs ${count} elements, flat or nested as the shape is, received ${received}`,
  );
}

function describe(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value.length > 20 ? `'${value.slice(0, 20)}…'` : `'${value}'`;
  if (typeof value === 'object') return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}
