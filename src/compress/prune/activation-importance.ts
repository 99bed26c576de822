/**
 * How much a channel has to say on real images: the average percentage of zeros (Hu et al. 2016, Network Trimming) and the
 * mean of its absolute activations, where the next layers read it. The sums are taken inside the model, so that of each
 * image only two numbers a channel come back.
 */
import type { Dataset, Preprocessing } from '../../data/index.ts';
import { GraphEditor, type Model, standardOpset, Tensor } from '../../graph/index.ts';
import type { ChannelAxis, ChannelGroups } from '../../transforms/index.ts';
import type { Meter, ObserveOptions } from '../meter.ts';

export interface ActivationOptions extends ObserveOptions {
  /** What |a| may be to count as zero; 0 unless told, behind a Relu exact. */
  readonly zero?: number;
}

export interface ActivationStatistics {
  /** Fraction of 1, by unit. NaN for a unit that nothing reads. */
  readonly apoz: Float64Array;
  /** Mean |a|, by unit. */
  readonly mean: Float64Array;
  readonly images: number;
}

/** @throws SkeinError as `Meter.observe` does */
export async function activationStatistics(
  meter: Meter,
  model: Model,
  groups: ChannelGroups,
  data: Dataset,
  preprocessing: Preprocessing,
  { zero = 0, ...observe }: ActivationOptions = {},
): Promise<ActivationStatistics> {
  const { model: extended, sites } = withStatistics(model, groups, zero);
  const zeros = new Float64Array(groups.unitCount);
  const means = new Float64Array(groups.unitCount);
  const places = new Float64Array(groups.unitCount);
  let images = 0;
  const names = sites.flatMap((site) => [site.zeros, site.mean]);
  for await (const { count, values } of meter.observe(extended, names, data, preprocessing, observe)) {
    images += count;
    for (const { units, ...site } of sites) {
      addUp(zeros, units, values.get(site.zeros)?.data as Float32Array);
      addUp(means, units, values.get(site.mean)?.data as Float32Array);
      for (const unit of units) if (unit >= 0) places[unit] = (places[unit] ?? 0) + count;
    }
  }
  const averaged = (sums: Float64Array): Float64Array => sums.map((sum, unit) => sum / (places[unit] ?? 0));
  return { apoz: averaged(zeros), mean: averaged(means), images };
}

/** @param rows [images, channels] */
function addUp(sums: Float64Array, units: Int32Array, rows: Float32Array): void {
  for (const [i, value] of rows.entries()) {
    const unit = units[i % units.length] ?? -1;
    if (unit >= 0) sums[unit] = (sums[unit] ?? 0) + value;
  }
}

interface Site {
  readonly units: Int32Array;
  /** Names of values [images, channels]. */
  readonly zeros: string;
  readonly mean: string;
}

/** The model with the share of zeros and the mean |a| of everything that a weight reads. */
function withStatistics(model: Model, groups: ChannelGroups, zero: number): { model: Model; sites: readonly Site[] } {
  const editor = new GraphEditor(model.graph);
  const bound = editor.addInitializer('zero.bound', Tensor.scalar('float32', zero));
  const add = (opType: string, inputs: readonly string[], attributes: Record<string, number | number[]> = {}): string =>
    editor.addNode({ opType, inputs, attributes }).outputs[0] ?? '';
  const sites = groups.consumed.map((axis): Site => {
    const magnitude = add('Abs', [axis.name]);
    const large = add('Cast', [add('Greater', [magnitude, bound])], { to: 1 });
    const one = editor.addInitializer('one', Tensor.scalar('float32', 1));
    const average = (value: string): string => averaged(model, groups, axis, value, add, editor);
    return { units: axis.units, zeros: average(add('Sub', [one, large])), mean: average(magnitude) };
  });
  return { model: { ...model, graph: editor.build() }, sites };
}

/** The mean over all axes but the images' and the channels'. */
function averaged(
  model: Model,
  groups: ChannelGroups,
  { name, axis }: ChannelAxis,
  value: string,
  add: (opType: string, inputs: readonly string[], attributes?: Record<string, number | number[]>) => string,
  editor: GraphEditor,
): string {
  const rank = groups.inference.types.get(name)?.dims?.length ?? 0;
  const axes = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== 0 && i !== axis);
  if (axes.length === 0) return value;
  if (standardOpset(model) < 18) return add('ReduceMean', [value], { axes, keepdims: 0 });
  return add('ReduceMean', [value, editor.addInitializer('axes', Tensor.int64s(axes))], { keepdims: 0 });
}
