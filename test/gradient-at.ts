/** Gradients at given points, for comparison with values that PyTorch gives there. */
import { differentiate, GraphWriter } from '../src/autodiff/index.ts';
import { Tensor } from '../src/graph/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { feed, type Output, runModel } from './run-onnx.ts';

export interface GradientPoint {
  readonly inputs: readonly { readonly dims: readonly number[]; readonly values: readonly number[] }[];
  readonly opset?: number;
  readonly dtype?: 'float32' | 'float64';
  /** The gradient by y, ones unless told. */
  readonly dy?: readonly number[];
}

/** The gradient of Σ dy·y by each input, of y as `make` writes it. */
export async function gradientAt(
  of: GradientPoint,
  make: (b: GraphBuilder, x: readonly string[]) => string,
): Promise<number[][]> {
  const { dtype = 'float64' } = of;
  const b = new GraphBuilder({ opset: of.opset ?? 17, dtype });
  const names = of.inputs.map(({ dims }, i) => b.input(`x${i}`, dtype, dims));
  const y = make(b, names);
  b.output('y', y);
  const dims = b.dimsOf(y) as readonly number[];
  const writer = new GraphWriter(b.build());
  const size = dims.reduce((product, dim) => product * dim, 1);
  const dy = writer.constant(Tensor.of(dtype, dims, of.dy ?? new Array<number>(size).fill(1)));
  const gradients = differentiate(writer, { seeds: new Map([['y', dy]]), wrt: names });
  const model = writer.build(new Map([...gradients].map(([value, gradient]) => [`grad.${value}`, gradient])));
  const array = (values: readonly number[]) =>
    dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values);
  const feeds = Object.fromEntries(
    of.inputs.map((input, i) => [`x${i}`, feed(dtype, array(input.values), input.dims)] as const),
  );
  const results = await runModel(model, feeds);
  return names.map((name) => Array.from((results[`grad.${name}`] as Output).data as Float64Array));
}

/** A vector. */
export function vector(...values: number[]): { dims: readonly number[]; values: readonly number[] } {
  return { dims: [values.length], values };
}
