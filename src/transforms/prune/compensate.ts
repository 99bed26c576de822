/**
 * Lets the channels that stay speak for those that went: each layer that lost input channels gets the weights whose output
 * is nearest, by least squares over images, to what it was (He, Zhang, Sun 2017, equation 4). With the second moments C of
 * its input, and K what stays of R and K, that is W_K + W_R · C_RK · C_KK⁻¹ at each pixel of the window; pixels count as
 * equal and without relation.
 */
import { GraphEditor, type Model, Tensor } from '../../graph/index.ts';
import type { ChannelGroups } from '../channels/index.ts';
import { type WeightLayer, weightLayersOf } from '../factorize/index.ts';
import { type InputMoments, withRidge } from '../input-moments.ts';
import { cholesky, type Matrix, matrix, solvedAbove, solvedBelow } from '../matrix.ts';

/**
 * Pauses before each layer, which may take seconds, with its name; returns the model.
 * @param before what channels were removed from
 * @param after what `removeChannels` made of it, perhaps without some layers more
 * @param groups of `before`
 * @param remove the units that were removed
 * @param moments of the inputs of layers of `before`, by layer; one that has none keeps its weights
 */
export function* compensatingRemoved(
  before: Model,
  after: Model,
  groups: ChannelGroups,
  remove: Iterable<number>,
  moments: ReadonlyMap<string, InputMoments>,
): Generator<string, Model> {
  const gone = new Set(remove);
  const axes = new Map(groups.parameters.map(({ name, axis, units }) => [`${axis} ${name}`, units]));
  const split = (weight: string, axis: number, size: number): Sides => {
    const units = axes.get(`${axis} ${weight}`);
    const went = (i: number): boolean => gone.has(units?.[i] ?? -1);
    const all = Array.from({ length: size }, (_, i) => i);
    return { kept: all.filter((i) => !went(i)), gone: all.filter(went) };
  };
  const editor = new GraphEditor(after.graph);
  for (const layer of weightLayersOf(before)) {
    const { name, weight, dims, transposed } = layer;
    const narrow = after.graph.initializers.get(weight);
    const products = moments.get(name);
    if (narrow === undefined || products === undefined || layer.obstacle !== undefined) continue;
    const outputs = split(weight, transposed ? 1 : 0, dims[0]);
    const inputs = split(weight, transposed ? 0 : 1, dims[1]);
    // Others than these units may have gone with a branch.
    const [out, channels] = transposed ? [narrow.dims[1], narrow.dims[0]] : narrow.dims;
    if (inputs.gone.length === 0 || out !== outputs.kept.length || channels !== inputs.kept.length) continue;
    yield name;
    const stands = substitutes(products, inputs);
    const wide = before.graph.initializers.get(weight)?.float32s();
    if (stands === undefined || wide === undefined) continue;
    const data = Float32Array.from(narrow.float32s());
    speakFor(data, wide, layer, { outputs: outputs.kept, inputs, stands });
    editor.setInitializer(weight, Tensor.float32(narrow.dims, data));
  }
  return editor.changed ? { ...after, graph: editor.build() } : after;
}

/** Indices along an axis. */
interface Sides {
  readonly kept: readonly number[];
  readonly gone: readonly number[];
}

/** C_KK⁻¹ · C_KR [kept, gone]: how much of each channel that stays is like each that went. */
function substitutes(moments: InputMoments, { kept, gone }: Sides): Matrix | undefined {
  const all = withRidge(moments.channels);
  if (all === undefined) return undefined;
  const part = (rows: readonly number[], columns: readonly number[]): Matrix =>
    matrix(
      rows.length,
      columns.length,
      Float64Array.from(rows.flatMap((i) => columns.map((j) => all.data[i * all.columns + j] as number))),
    );
  const l = cholesky(part(kept, kept));
  return l && solvedAbove(l, solvedBelow(l, part(kept, gone)));
}

interface Substitution {
  readonly outputs: readonly number[];
  readonly inputs: Sides;
  readonly stands: Matrix;
}

/** Adds to what is left, [outputs, kept, window] or transposed, its share of what went. */
function speakFor(
  left: Float32Array,
  wide: Float32Array,
  { dims: [out, channels, height, width], transposed }: WeightLayer,
  { outputs, inputs: { kept, gone }, stands }: Substitution,
): void {
  const area = height * width;
  for (const [o, wideOut] of outputs.entries()) {
    for (const [k] of kept.entries()) {
      const to = transposed ? k * outputs.length + o : (o * kept.length + k) * area;
      for (const [r, wideIn] of gone.entries()) {
        const share = stands.data[k * gone.length + r] as number;
        const from = transposed ? wideIn * out + wideOut : (wideOut * channels + wideIn) * area;
        for (let p = 0; p < area; p++) left[to + p] = (left[to + p] as number) + share * (wide[from + p] as number);
      }
    }
  }
}
