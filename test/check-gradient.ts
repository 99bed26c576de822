/**
 * Holds a gradient rule to the definition of a derivative: with L = Σ r·y for random r, the gradient that the rule writes,
 * times a random direction v, must be (L(x + h·v) − L(x − h·v)) / 2h, both computed by ONNX Runtime.
 */
import { expect } from 'vitest';
import { differentiate, GraphWriter } from '../src/autodiff/index.ts';
import { Random } from '../src/base/index.ts';
import { type AttributeLike, type Model, Tensor } from '../src/graph/index.ts';
import { serializeModel } from '../src/onnx/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { elementCount } from '../src/tensor/index.ts';
import { type Feeds, feed, type Output, openOnnx, runModel } from './run-onnx.ts';

export interface GradientCase {
  readonly opType: string;
  /** Of each input: the shape of one whose gradient is checked, a constant, or null for an absent one. */
  readonly inputs: readonly (readonly number[] | Tensor | null)[];
  readonly attributes?: Readonly<Record<string, AttributeLike | undefined>>;
  /** Outputs of the operator; 1 unless told. */
  readonly outputs?: number;
  readonly opset?: number;
  /** float64, unless ONNX Runtime computes the operator in float32 only. */
  readonly dtype?: 'float32' | 'float64';
  /** h; small enough for what bends, any size for what is linear in each input. 1e-5 unless told. */
  readonly step?: number;
  /** Of the directional derivatives, relative to the larger of one and the gradient's length; 1e-6 unless told. */
  readonly tolerance?: number;
  /** A value of input `i`; normally distributed unless told. Keep away from kinks by more than the step. */
  readonly draw?: (random: Random, input: number) => number;
  /** Whether the first dimension of every checked input, or of some, is given as a symbol, known only when it runs. */
  readonly symbolicBatch?: boolean | readonly number[];
  readonly seed?: number;
}

const DIRECTIONS = 4;
/** Of a term on its way into the loss, at most; they are as often up as down. */
const ROUNDINGS = 4;

export async function checkGradient(of: GradientCase): Promise<void> {
  const { dtype = 'float64', step = 1e-5, tolerance = 1e-6, outputs = 1 } = of;
  const random = new Random(of.seed ?? 1);
  const draw = of.draw ?? ((r: Random) => r.normal());
  const builder = new GraphBuilder({ opset: of.opset ?? 17, dtype });
  const checked: { name: string; dims: readonly number[]; values: Float64Array }[] = [];
  const names = of.inputs.map((input, i) => {
    if (input === null) return '';
    if (input instanceof Tensor) return builder.constant(input);
    const name = `x${i}`;
    const isSymbolic = Array.isArray(of.symbolicBatch) ? of.symbolicBatch.includes(i) : of.symbolicBatch;
    builder.input(name, dtype, isSymbolic ? ['batch', ...input.slice(1)] : input);
    checked.push({
      name,
      dims: input,
      values: Float64Array.from({ length: elementCount(input) }, () => draw(random, i)),
    });
    return name;
  });
  const made = builder.ops(of.opType, names, of.attributes ?? {}, { outputs });
  const isFloat = (value: string) => !(builder.dtypeOf(value) ?? dtype).includes('int');
  const float = made.filter(isFloat);
  for (const [i, value] of float.entries()) builder.output(`y${i}`, value);
  const forward = builder.build();
  const array = (values: Float64Array) => (dtype === 'float64' ? values : Float32Array.from(values));
  const feeds = (shift?: { name: string; by: Float64Array }): Feeds =>
    Object.fromEntries(
      checked.map(({ name, dims, values }) => {
        const moved = shift?.name === name ? values.map((value, i) => value + (shift.by[i] as number)) : values;
        return [name, feed(dtype, array(moved), dims)];
      }),
    );
  const session = await openOnnx(serializeModel(forward));
  const results = await session.run(feeds());
  const cotangents = float.map((_, i) => {
    const data = numbersOf(results[`y${i}`]);
    return Float64Array.from({ length: data.length }, () => random.normal());
  });
  const rounding = float.reduce((sum, _, i) => sum + magnitude(numbersOf(results[`y${i}`]), cotangents[i]), 0);
  // What the two losses of a difference may be off by their last digits.
  const noise = (ROUNDINGS * (dtype === 'float64' ? 2 ** -53 : 2 ** -24) * rounding) / step;
  const loss = async (shift: { name: string; by: Float64Array }): Promise<number> => {
    const shifted = await session.run(feeds(shift));
    return float.reduce((sum, _, i) => sum + dot(numbersOf(shifted[`y${i}`]), cotangents[i]), 0);
  };
  const written = gradients(
    forward,
    checked.map(({ name }) => name),
    float.length,
  );
  const given = await runModel(written, {
    ...feeds(),
    ...Object.fromEntries(
      cotangents.map((values, i) => [`dy${i}`, feed(dtype, array(values), results[`y${i}`]?.dims ?? [])]),
    ),
  });
  for (const { name, dims, values } of checked) {
    const gradient = given[`grad.${name}`];
    expect(gradient?.dims, `${of.opType}: shape of the gradient of ${name}`).toEqual(dims);
    for (let i = 0; i < DIRECTIONS; i++) {
      const direction = values.map(() => random.normal());
      const by = direction.map((value) => value * step);
      const difference = (await loss({ name, by })) - (await loss({ name, by: by.map((value) => -value) }));
      const expected = difference / (2 * step);
      const received = dot(numbersOf(gradient), direction);
      const scale = Math.max(Math.abs(expected), Math.sqrt(dot(numbersOf(gradient), numbersOf(gradient))));
      const what = `${of.opType} ${JSON.stringify(of.attributes ?? {})}: the slope of ${name} along direction ${i}`;
      expect(Math.abs(received - expected), `${what}: expected ${expected}, received ${received}`).toBeLessThanOrEqual(
        tolerance * scale + noise,
      );
    }
  }
  await session.release();
}

/** The model with inputs `dy0`, … for its outputs' gradients and outputs `grad.x0`, … */
function gradients(forward: Model, wrt: readonly string[], outputs: number): Model {
  const writer = new GraphWriter(forward);
  const seeds = new Map<string, string>();
  for (let i = 0; i < outputs; i++) {
    const value = `y${i}`;
    seeds.set(value, writer.input(`dy${i}`, writer.dtype(value) ?? 'float64', writer.dims(value) ?? []));
  }
  const made = differentiate(writer, { seeds, wrt });
  return writer.build(new Map([...made].map(([value, gradient]) => [`grad.${value}`, gradient])));
}

/** The floats of an output. */
function numbersOf(output: Output | undefined): Float64Array {
  return output?.data as Float64Array;
}

/** Σ |aᵢ·bᵢ| */
function magnitude(a: ArrayLike<number>, b: ArrayLike<number> | undefined): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] as number) * (b?.[i] ?? Number.NaN));
  return sum;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number> | undefined): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b?.[i] ?? Number.NaN);
  return sum;
}
