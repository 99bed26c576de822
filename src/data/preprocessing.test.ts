import { expect, it } from 'vitest';
import { checkPreprocessing, normalizationTables, normalizeInto, type Preprocessing } from './preprocessing.ts';

const imagenet: Preprocessing = { shape: [3, 2, 2], mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

it('normalizationTables() has the float32 numbers of torchvision', () => {
  // NumPy: ((float32(byte) / float32(255)) - float32(mean)) / float32(std)
  const tables = normalizationTables(imagenet);
  const float32 = (values: number[]) => values.map(Math.fround);
  expect([0, 1, 128, 255].map((byte) => tables[byte])).toEqual(float32([-2.117904, -2.1007793, 0.07406463, 2.2489083]));
  expect([0, 1, 128, 255].map((byte) => tables[512 + byte])).toEqual(
    float32([-1.8044444, -1.7870152, 0.42649257, 2.64]),
  );
});

it('normalizeInto() writes plane after plane at the offset and nothing else', () => {
  const pre: Preprocessing = { shape: [3, 1, 2], mean: [0, 0.5, 1], std: [1, 0.5, 2] };
  const target = new Float32Array(10).fill(7);
  normalizeInto(Uint8Array.of(0, 255, 0, 255, 0, 255), normalizationTables(pre), pre.shape, target, 2);
  expect([...target]).toEqual([7, 7, 0, 1, -1, 1, -0.5, 0, 7, 7]);
});

it('checkPreprocessing() names what does not fit', () => {
  expect(() => checkPreprocessing({ ...imagenet, shape: [2, 32, 32] })).toThrow(/expected \[1 or 3, height, width\]/);
  expect(() => checkPreprocessing({ ...imagenet, shape: [3, 0, 32] })).toThrow(/received \[3,0,32\]/);
  expect(() => checkPreprocessing({ ...imagenet, mean: [0.5] })).toThrow('mean: expected 3 numbers, received [0.5]');
  expect(() => checkPreprocessing({ ...imagenet, std: [1, 1, 0] })).toThrow('std: expected 3 numbers above 0');
});
