/** How one operator relates the channels of its inputs, parameters and outputs. */
import type { Node } from '../../graph/index.ts';
import type { OpContext } from '../../ops/index.ts';
import type { ChannelContext } from './channel-context.ts';
import type { Narrowing } from './narrowing.ts';

export interface ChannelRule {
  /** Gives the outputs their channels and unites those that go together. What it does not ask for is fixed. */
  readonly relate: (c: ChannelContext) => void;
  /** The node for the channels that are left; as it is, unless told. Its initializers are narrowed by the caller. */
  readonly narrow?: (op: OpContext, narrowing: Narrowing) => Node;
}

/** 'opaque': what it does to channels is not understood, so that they stay as they are. */
export type ChannelTreatment = ChannelRule | 'opaque';

/** Every index of the output is made from the same index of the first input alone. */
export const likeFirst: ChannelRule = {
  relate(c) {
    const layout = c.layout(0);
    for (const o of c.node.outputs.keys()) c.setOutput(o, layout);
  },
};

/** Only axes 0 and 1 of the first input are kept apart; over the others it slides or sums up. */
export const overMaps: ChannelRule = {
  relate(c) {
    // Indices of MaxPool count through the channels.
    const counted = (c.node.outputs[1] ?? '') !== '';
    const kept = c.layout(0).filter((block) => {
      if (block.axis <= 1 && !counted) return true;
      c.fix(block.atoms);
      return false;
    });
    c.setOutput(0, kept);
  },
};
