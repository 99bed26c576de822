import { expect, it } from 'vitest';
import { feed, runModel } from '../../../test/run-onnx.ts';
import { Tensor } from '../../graph/index.ts';
import { GraphBuilder } from '../../ops/index.ts';
import { differentiate } from '../differentiate.ts';
import { GraphWriter } from '../graph-writer.ts';

/** The gradient of Σ r · round(x) for given r, x of shape `dims`. */
async function gradientOf(
  dims: readonly number[],
  x: readonly number[],
  r: readonly number[],
  [scale, zero]: readonly [Tensor, Tensor | undefined],
  axis?: number,
): Promise<number[]> {
  const b = new GraphBuilder();
  b.input('x', 'float32', dims);
  const settings = [b.constant(scale), ...(zero === undefined ? [] : [b.constant(zero)])];
  const attributes = axis === undefined ? {} : { axis };
  const integers = b.op('QuantizeLinear', ['x', ...settings], attributes);
  b.output('y', b.op('DequantizeLinear', [integers, ...settings], attributes));
  const writer = new GraphWriter(b.build());
  const seed = writer.constant(Tensor.of('float32', dims, r));
  const made = differentiate(writer, { seeds: new Map([['y', seed]]), wrt: ['x'] }).get('x') as string;
  const model = writer.build(new Map([['grad', made]]));
  const { grad = { data: [] } } = await runModel(model, { x: feed('float32', Float32Array.from(x), dims) });
  return [...(grad.data as Float32Array)];
}

const float = (values: readonly number[]) => Tensor.of('float32', values.length === 1 ? [] : [values.length], values);

// PyTorch: torch.fake_quantize_per_tensor_affine(x, 0.1, 10, 0, 255), gradient for ones: inside is −1 − 0.05 to 24.5 + 0.05.
it('QuantizeLinear and DequantizeLinear let through what does not saturate', async () => {
  const x = [-1.1, -1.04, -0.3, 0, 24.54, 24.6, 3];
  const zero = Tensor.scalar('uint8', 10);
  const gradient = await gradientOf([7], x, [1, 2, 3, 4, 5, 6, 7], [float([0.1]), zero]);
  for (const [i, expected] of [0, 2, 3, 4, 5, 0, 7].entries()) expect(gradient[i]).toBeCloseTo(expected, 5);
});

it('without a zero point integers are unsigned', async () => {
  const gradient = await gradientOf([3], [-1, 100, 300], [1, 1, 1], [float([1]), undefined]);
  expect(gradient).toEqual([0, 1, 0]);
});

// torch.fake_quantize_per_channel_affine(x, [0.5, 0.25], [0, 0], axis, −128, 127): ±64 and ±32.
it.each([
  [0, [1, 0, 0, 0]],
  [1, [1, 0, 1, 0]],
  [-2, [1, 0, 0, 0]],
])('with a scale for each slice along axis %i', async (axis, expected) => {
  const x = [60, 65, -40, 35];
  const zeros = Tensor.of('int8', [2], [0, 0]);
  expect(await gradientOf([2, 2], x, [1, 1, 1, 1], [float([0.5, 0.25]), zeros], axis)).toEqual(expected);
});

it('scales for blocks are refused by name', () => {
  const b = new GraphBuilder({ opset: 21 });
  b.input('x', 'float32', [4, 2]);
  const settings = [
    b.constant(Tensor.of('float32', [2, 2], [1, 1, 1, 1])),
    b.constant(Tensor.of('int8', [2, 2], [0, 0, 0, 0])),
  ];
  const attributes = { axis: 0, block_size: 2 };
  b.output(
    'y',
    b.op('DequantizeLinear', [b.op('QuantizeLinear', ['x', ...settings], attributes), ...settings], attributes),
  );
  const writer = new GraphWriter(b.build());
  expect(() => differentiate(writer, { seeds: new Map([['y', 'x']]), wrt: ['x'] })).toThrow('a scale for each block');
});

it('what else works on integers is refused by name', () => {
  const b = new GraphBuilder();
  b.input('x', 'float32', [1, 1, 2, 2]);
  const settings = [b.constant(Tensor.scalar('float32', 1)), b.constant(Tensor.scalar('uint8', 0))];
  const pooled = b.op('MaxPool', [b.op('QuantizeLinear', ['x', ...settings])], { kernel_shape: [2, 2] });
  b.output('y', b.op('DequantizeLinear', [pooled, ...settings]));
  const writer = new GraphWriter(b.build());
  expect(() => differentiate(writer, { seeds: new Map([['y', 'y']]), wrt: ['x'] })).toThrow(
    "Cannot differentiate node '/MaxPool' (MaxPool): it works on uint8 values; take the model from before it was quantised",
  );
});
