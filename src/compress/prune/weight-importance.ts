/**
 * How much a channel matters, by its weights alone: the norm of its filters (Li et al. 2017, Pruning Filters for Efficient
 * ConvNets), or the scale of its normalisation (Liu et al. 2017, Network Slimming). Layers differ in the size of their
 * weights, so each counts relative to its own mean; a unit that several layers make has the sum over them, as its loss
 * is felt in all of them.
 */
import type { Model, Tensor } from '../../graph/index.ts';
import type { ChannelGroups, ChannelRole, ParameterAxis } from '../../transforms/index.ts';

/** How the numbers of one layer's slice for a unit become one. */
interface Norm {
  readonly role: ChannelRole;
  readonly add: (sum: number, value: number) => number;
  readonly finish: (sum: number) => number;
}

const L1: Norm = { role: 'output', add: (sum, value) => sum + Math.abs(value), finish: (sum) => sum };
const L2: Norm = { role: 'output', add: (sum, value) => sum + value * value, finish: Math.sqrt };
const SCALE: Norm = { ...L1, role: 'scale' };

/** Σ|w| of each unit's filters over the mean of the layer, summed over layers. A unit that no layer makes has 0. */
export function l1Importance(model: Model, groups: ChannelGroups): Float64Array {
  return importanceBy(model, groups, L1);
}

/** As `l1Importance`, of √Σw². */
export function l2Importance(model: Model, groups: ChannelGroups): Float64Array {
  return importanceBy(model, groups, L2);
}

/** As `l1Importance`, of |γ|; NaN for the units of layers that are not normalised. */
export function scaleImportance(model: Model, groups: ChannelGroups): Float64Array {
  return importanceBy(model, groups, SCALE, Number.NaN);
}

function importanceBy(model: Model, groups: ChannelGroups, norm: Norm, absent = 0): Float64Array {
  const result = new Float64Array(groups.unitCount).fill(absent);
  for (const parameter of groups.parameters) {
    const tensor = model.graph.initializers.get(parameter.name);
    if (parameter.role !== norm.role || tensor?.dtype !== 'float32') continue;
    const norms = [...sumsOf(tensor, parameter, norm)].map(([unit, sum]) => [unit, norm.finish(sum)] as const);
    const mean = norms.reduce((sum, [, each]) => sum + each, 0) / norms.length;
    for (const [unit, each] of norms) {
      const before = result[unit] ?? 0;
      result[unit] = (Number.isNaN(before) ? 0 : before) + (mean > 0 ? each / mean : 0);
    }
  }
  return result;
}

function sumsOf(tensor: Tensor, { axis, units }: ParameterAxis, norm: Norm): Map<number, number> {
  const sums = new Map<number, number>();
  const inner = tensor.dims.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const values = tensor.float32s();
  for (let first = 0, index = 0; first < values.length; first += inner, index++) {
    const unit = units[index % units.length] ?? -1;
    if (unit < 0) continue;
    let sum = sums.get(unit) ?? 0;
    for (let i = first; i < first + inner; i++) sum = norm.add(sum, values[i] ?? 0);
    sums.set(unit, sum);
  }
  return sums;
}
