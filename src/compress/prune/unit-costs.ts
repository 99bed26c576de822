/** What each unit of channels costs: the MACs and parameters that would go with it alone. */
import { consumersOf, type Model } from '../../graph/index.ts';
import { type CostOptions, costOf, trainableInitializers } from '../../ops/index.ts';
import type { ChannelGroups } from '../../transforms/index.ts';

export interface UnitCosts {
  /** Of one image. */
  readonly macs: Float64Array;
  readonly params: Float64Array;
}

/** @throws SkeinError 'invalid-argument' where the MACs cannot be counted */
export function unitCosts(model: Model, groups: ChannelGroups, options: CostOptions = {}): UnitCosts {
  const macs = new Float64Array(groups.unitCount);
  const params = new Float64Array(groups.unitCount);
  const byOutput = new Map(costOf(model, options).nodes.map((node) => [node.output, node.macs]));
  const readers = consumersOf(model.graph);
  const trainable = new Set(trainableInitializers(model.graph));
  for (const { name, units, role } of groups.parameters) {
    const size = model.graph.initializers.get(name)?.size ?? 0;
    let ofNodes = 0;
    for (const node of readers.get(name) ?? []) ofNodes += byOutput.get(node.outputs[0] ?? '') ?? 0;
    for (const unit of units) {
      if (unit < 0) continue;
      if (trainable.has(name)) params[unit] = (params[unit] ?? 0) + size / units.length;
      if (role === 'output' || role === 'input') macs[unit] = (macs[unit] ?? 0) + ofNodes / units.length;
    }
  }
  return { macs, params };
}
