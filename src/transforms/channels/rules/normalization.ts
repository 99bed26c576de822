/** Normalisations: those of each channel by itself have parameters by channel; others mix channels. */
import type { ChannelRole } from '../channel-layout.ts';
import type { ChannelRule } from '../channel-rule.ts';

/** @param roles of inputs 1, 2, … */
function byChannel(roles: readonly ChannelRole[]): ChannelRule {
  return {
    relate(c) {
      // Running statistics that come out would need channels of their own.
      if (c.node.outputs.slice(1).some((name) => name !== '')) return;
      const x = c.atoms(0, 1);
      for (const [k, role] of roles.entries()) {
        c.unify(x, c.atoms(k + 1, 0), c.reasonOf(0));
        c.role(k + 1, 0, role);
      }
      if (x !== undefined) c.setOutput(0, [{ axis: 1, axes: 1, atoms: x }]);
    },
  };
}

export const normalizations = {
  BatchNormalization: byChannel(['scale', 'shift', 'statistic', 'statistic']),
  InstanceNormalization: byChannel(['scale', 'shift']),
  GroupNormalization: 'opaque',
  LRN: 'opaque',
  LayerNormalization: 'opaque',
  LpNormalization: 'opaque',
  MeanVarianceNormalization: 'opaque',
  RMSNormalization: 'opaque',
} as const;
