import { describe, expect, it } from 'vitest';
import type { InferInput } from './protocol.ts';
import { readImageRows } from './read-tensor.ts';

const expected = { name: 'input', shape: [1, 2, 2] };
const floats = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const bytes = new Uint8Array(floats.buffer);

const take = (length: number) => new Float32Array(length);
const read = (change: Partial<InferInput>, maxBytes = 1600) =>
  readImageRows(
    [{ name: 'input', datatype: 'FP32', shape: [2, 1, 2, 2], content: { raw: bytes }, ...change }],
    expected,
    maxBytes,
    take,
  );

describe('readImageRows() of FP32', () => {
  it('uses aligned bytes in place and copies others', () => {
    const inPlace = read({});
    expect(inPlace).toEqual({ kind: 'tensor', count: 2, data: floats, taken: false });
    expect(inPlace.kind === 'tensor' && inPlace.data.buffer).toBe(floats.buffer);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(read({ content: { raw: shifted.subarray(1) } })).toEqual({
      kind: 'tensor',
      count: 2,
      data: floats,
      taken: true,
    });
  });

  it('takes elements flat or nested as the shape is', () => {
    const nested = [
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
      [
        [
          [5, 6],
          [7, 8],
        ],
      ],
    ];
    expect(read({ content: { values: nested } })).toMatchObject({ data: floats });
    expect(read({ content: { values: [...floats] } })).toMatchObject({ data: floats });
    expect(
      read({
        shape: [1, 1, 2, 2],
        content: {
          values: [
            [
              [
                [1, 2],
                [3, 4],
              ],
            ],
          ],
        },
      }),
    ).toMatchObject({ count: 1 });
  });

  it.each<[string, Partial<InferInput>, RegExp]>([
    ['another name', { name: 'x' }, /received input 'x'/],
    ['another datatype', { datatype: 'FP64' }, /received FP64 \[2,1,2,2\]/],
    ['no batch dimension', { shape: [1, 2, 2] }, /FP32 \[n,1,2,2\].*received FP32 \[1,2,2\]/],
    ['another shape', { shape: [2, 1, 2, 3] }, /received FP32 \[2,1,2,3\]/],
    ['a negative dimension', { shape: [-1, 1, 2, 2] }, /whole numbers from 1, received \[-1,1,2,2\]/],
    ['a fraction', { shape: [1.5, 1, 2, 2] }, /whole numbers from 1/],
    ['no rows', { shape: [0, 1, 2, 2] }, /whole numbers from 1/],
    ['too few bytes', { content: { raw: bytes.subarray(4) } }, /needs 32 bytes, received 28/],
    ['too few elements', { content: { values: [1, 2] } }, /needs 8 elements.*received 2/],
    [
      'ragged elements',
      {
        content: {
          values: [
            [[[1, 2], [3]]],
            [
              [
                [5, 6],
                [7, 8],
              ],
            ],
          ],
        },
      },
      /received 1 at depth 3/,
    ],
    ['an element that is no number', { content: { values: [1, 2, 3, 'x', 5, 6, 7, 8] } }, /received 'x' as element 3/],
    ['null', { content: { values: [null, 2, 3, 4, 5, 6, 7, 8] } }, /received null as element 0/],
  ])('refuses %s', (_what, change, message) => {
    expect(() => read(change)).toThrow(message);
    expect(() => read(change)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  it('refuses a huge batch before it allocates anything', () => {
    expect(() => read({ shape: [2 ** 40, 1, 2, 2] })).toThrow(expect.objectContaining({ code: 'too-large' }));
  });

  it('counts rows by the floats that they become, files too', () => {
    // A row of [1,2,2] takes 16 bytes.
    const files = Array.from({ length: 3 }, () => Uint8Array.of(1));
    const three = { datatype: 'BYTES', shape: [3], content: { values: files } };
    expect(read(three, 48)).toMatchObject({ count: 3 });
    expect(() => read(three, 47)).toThrow('has 3 rows: a request may have at most 2 images of [1,2,2]');
    // A model whose single image is larger than the limit can still be sent a file.
    expect(read({ ...three, shape: [1], content: { values: files.slice(1, 2) } }, 4)).toMatchObject({ count: 1 });
  });
});

it('readImageRows() refuses numbers that float32 does not hold', () => {
  // JSON.parse makes Infinity of 1e999.
  for (const value of [JSON.parse('1e999'), 1e39]) {
    expect(() => read({ content: { values: [...floats.subarray(1), value] } })).toThrow('that float32 holds');
  }
});

describe('readImageRows() of BYTES', () => {
  const files = [Uint8Array.of(1, 2, 3), Uint8Array.of(4)];
  const raw = Uint8Array.of(3, 0, 0, 0, 1, 2, 3, 1, 0, 0, 0, 4);

  it('takes files with a length before each, as bytes, and as base64', () => {
    const files_ = { kind: 'files', count: 2, files };
    expect(read({ datatype: 'BYTES', shape: [2], content: { raw } })).toEqual(files_);
    expect(read({ datatype: 'BYTES', shape: [2, 1], content: { values: files } })).toEqual(files_);
    const base64 = { datatype: 'BYTES', shape: [2], content: { values: ['AQID', 'BA=='] } };
    expect(read(base64)).toMatchObject({ files: [Buffer.of(1, 2, 3), Buffer.of(4)] });
    expect(read({ ...base64, name: 'image' })).toMatchObject({ kind: 'files', count: 2 });
  });

  it.each<[string, Partial<InferInput>, RegExp]>([
    ['an element that ends early', { content: { raw: raw.subarray(0, 9) } }, /ends inside element 1/],
    ['a length beyond the end', { content: { raw: Uint8Array.of(255, 255, 255, 255, 1) } }, /ends inside element 0/],
    ['too few elements', { shape: [3], content: { raw } }, /must hold 3 elements, received 2/],
    ['too many elements', { shape: [1], content: { raw } }, /more than 1 elements/],
    ['a rank that is not 1', { shape: [2, 3], content: { raw } }, /received BYTES \[2,3\]/],
    ['an empty element', { content: { raw: Uint8Array.of(1, 0, 0, 0, 7, 0, 0, 0, 0) } }, /Element 1 .* 0 bytes/],
    ['empty bytes', { content: { values: [files[0], new Uint8Array()] } }, /Element 1 .* 0 bytes/],
    ['text that is no base64', { content: { values: ['AQID', 'no base64!'] } }, /Element 1 .*'no base64!'/],
  ])('refuses %s', (_what, change, message) => {
    expect(() => read({ datatype: 'BYTES', shape: [2], ...change })).toThrow(message);
  });
});

it('refuses no input and several', () => {
  expect(() => readImageRows([], expected, 10, take)).toThrow(/received none/);
  const input = { name: 'input', datatype: 'FP32', shape: [2, 1, 2, 2], content: { raw: bytes } };
  expect(() => readImageRows([input, { ...input, name: 'b' }], expected, 10, take)).toThrow(/received 'input', 'b'/);
});
