import { expect, it } from 'vitest';
import { Tensor } from '../../graph/index.ts';
import { activationScale, leastWeightScales, quantizeBias, quantizeWeight, rint } from './affine.ts';

it('rint() rounds ties to even', () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4999, -2.6].map((x) => rint(x) + 0)).toEqual([0, 2, 2, 0, -2, -2, 2, -3]);
});

// onnxruntime.quantization.quant_utils.compute_scale_zp (1.31.1), float32, 0 to 255.
it.each([
  [-1, 3, 0.01568627543747425, 64],
  [0, 6, 0.0235294122248888, 0],
  [2, 6, 0.0235294122248888, 0],
  [-5, -1, 0.019607843831181526, 255],
  [-2.7, 2.1, 0.01882352866232395, 143],
  [-0.3, 17.25, 0.06882353127002716, 4],
  [-0.001, 0.004, 1.9607843569247052e-5, 51],
])('activationScale() of %f to %f', (low, high, scale, zeroPoint) => {
  expect(activationScale([low, high])).toEqual({ scale, zeroPoint, top: 255 });
});

it('activationScale() with fewer bits has fewer steps', () => {
  expect(activationScale([0, 3], 2)).toEqual({ scale: 1, zeroPoint: 0, top: 3 });
  expect(activationScale([-1, 2], 4)).toEqual({ scale: Math.fround(0.2), zeroPoint: 5, top: 15 });
});

it('activationScale() of what is always 0 is 1', () => {
  expect(activationScale([0, 0])).toEqual({ scale: 1, zeroPoint: 0, top: 255 });
  expect(activationScale([-1e-44, 1e-44])).toEqual({ scale: 1, zeroPoint: 0, top: 255 });
});

it.each([
  [3, 1],
  [Number.NaN, 1],
  [0, Number.POSITIVE_INFINITY],
  [0, 1e300],
])('activationScale() refuses %f to %f', (low, high) => {
  expect(() => activationScale([low, high])).toThrow(/range/);
});

it('quantizeWeight() has a scale a channel', () => {
  // quantize_nparray of onnxruntime.quantization, symmetric int8 from -127 to 127, a row at a time.
  const weight = Tensor.of('float32', [2, 4], [0.5, -1, 0.25, 0.1, 0.02, 0.03, -0.011, 0]);
  const { values, scales } = quantizeWeight(weight, 0);
  expect(values.elements()).toEqual([64, -127, 32, 13, 85, 127, -47, 0]);
  expect([...scales]).toEqual([Math.fround(1 / 127), Math.fround(Math.fround(0.03) / 127)]);
});

it('quantizeWeight() along the last axis', () => {
  const { values, scales } = quantizeWeight(Tensor.of('float32', [2, 2], [1, 4, -2, 2]), 1);
  // Columns [1, −2] and [4, 2]: 127·1/2 = 63.5 is a tie, and goes to the even 64; so does 127·2/4.
  expect(values.elements()).toEqual([64, 127, -127, 64]);
  expect([...scales]).toEqual([Math.fround(2 / 127), Math.fround(4 / 127)]);
});

it('quantizeWeight() of 7 bits stays within 63, so that two products fit into 16 bits', () => {
  const { values } = quantizeWeight(Tensor.of('float32', [1, 3], [1, -1, 0.25]), 0, 7);
  expect(values.elements()).toEqual([63, -63, 16]);
  expect(2 * 255 * 63).toBeLessThan(2 ** 15);
});

it('quantizeWeight() refuses what is no number', () => {
  expect(() => quantizeWeight(Tensor.float32([1, 2], Float32Array.of(1, Number.NaN)), 0)).toThrow('received NaN');
});

it('quantizeBias() counts in units of input times weight', () => {
  const { values, scales } = quantizeBias(Float32Array.of(1, -0.5, 0), 0.25, Float32Array.of(0.02, 0.5, 1));
  expect(values.elements()).toEqual([200, -4, 0]);
  expect([...scales]).toEqual([Math.fround(0.005), 0.125, 0.25]);
});

it('leastWeightScales() lets the bias of a channel without weights fit', () => {
  const bias = Float32Array.of(3, 0);
  const weight = Tensor.of('float32', [2, 1], [1e-12, 0]);
  const { scales } = quantizeWeight(weight, 0, 8, leastWeightScales(bias, 0.01));
  const { values, scales: units } = quantizeBias(bias, 0.01, scales);
  const [first, second] = values.elements() as number[];
  expect(Number(first) * (units[0] as number)).toBeCloseTo(3, 5);
  expect(Math.abs(Number(first))).toBeLessThanOrEqual(2 ** 30 + 64);
  expect(second).toBe(0);
});
