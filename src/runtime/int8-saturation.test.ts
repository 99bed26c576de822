import { afterAll, expect, it } from 'vitest';
import { Tensor } from '../graph/index.ts';
import { serializeModel } from '../onnx/index.ts';
import { GraphBuilder } from '../ops/index.ts';
import { Engine } from './engine.ts';
import { saturatesInt8 } from './int8-saturation.ts';

const cpu = (flags: string) => (path: string) =>
  path === '/proc/cpuinfo'
    ? `processor\t: 0\nmodel name\t: x\nflags\t\t: fpu ${flags} sse\nbugs\t\t: none\n`
    : undefined;

it('saturatesInt8() of x86 without VNNI, and where nothing is known', () => {
  expect(saturatesInt8(cpu('avx2 avx512f avx512bw'), 'x64')).toBe(true);
  expect(saturatesInt8(cpu('avx2 avx_vnni'), 'x64')).toBe(false);
  expect(saturatesInt8(cpu('avx512f avx512_vnni'), 'x64')).toBe(false);
  expect(saturatesInt8(() => undefined, 'x64')).toBe(true);
  expect(saturatesInt8(() => undefined, 'arm64')).toBe(false);
});

const engine = new Engine({ workers: 1 });
afterAll(() => engine.close());

it('Engine multiplies the greatest bytes exactly on this machine', async () => {
  // 64 products of 254 with 127, and of 254 with −127: two of them do not fit into 16 bits.
  const [channels, top] = [64, 127];
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', [1, channels, 1, 1]);
  const scalar = (dtype: 'float32' | 'uint8' | 'int8', value: number) => b.constant(Tensor.scalar(dtype, value));
  const [one, zero] = [scalar('float32', 1), scalar('uint8', 0)];
  const rows = Int8Array.from({ length: 2 * channels }, (_, i) => (i < channels ? top : -top));
  const weight = b.constant(Tensor.of('int8', [2, channels, 1, 1], rows));
  const inputs = [
    b.op('DequantizeLinear', [b.op('QuantizeLinear', [x, one, zero]), one, zero]),
    b.op('DequantizeLinear', [weight, one, scalar('int8', 0)]),
  ];
  const step = scalar('float32', 2 * channels * top);
  const middle = scalar('uint8', 128);
  const sum = b.op('Conv', inputs);
  b.output('y', b.op('DequantizeLinear', [b.op('QuantizeLinear', [sum, step, middle]), step, middle]));
  const model = await engine.load(serializeModel(b.build()));
  const { outputs } = await model.run((buffers) => {
    const data = buffers.float32(channels);
    data.fill(254);
    return { x: { dtype: 'float32', dims: [1, channels, 1, 1], data } };
  });
  const expected = 254 * channels * top;
  expect(outputs.y?.data).toEqual(Float32Array.of(expected, -expected));
});
