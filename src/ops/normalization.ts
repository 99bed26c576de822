/** Normalisations: the output is like the input; some give their statistics too. */
import { formatShape } from '../tensor/index.ts';
import type { OpContext } from './op-context.ts';
import { likeFirst, type OpRule, rule, typed } from './op-rule.ts';

/** Fails unless the inputs in `which` are vectors of a length equal to the channels of the first. */
function requireChannels(op: OpContext, which: readonly number[]): void {
  for (const i of which) {
    const dims = op.dims(i);
    if (dims === undefined) continue;
    if (dims.length !== 1) op.fail(`input ${i} needs 1 dimension, received ${formatShape(dims)}`);
    if (op.dims(0) !== undefined) op.same(op.dims(0)?.[1], dims[0], 'channels');
  }
}

/** Y, and the mean and inverse deviation over the axes from `axis` on. */
const layerNormalization: OpRule['infer'] = (op) => {
  const x = op.dims(0);
  const axis = x === undefined ? 0 : op.axisOf(op.int('axis', -1), x.length);
  const statistics = x?.map((dim, i) => (i < axis ? dim : 1));
  return [typed(op.dtype(0), x), typed('float32', statistics), typed('float32', statistics)];
};

export const normalization = {
  BatchNormalization: rule(
    (op) => {
      requireChannels(op, [1, 2, 3, 4]);
      const statistics = [op.dims(0)?.[1] ?? op.dims(3)?.[0]];
      return [typed(op.dtype(0), op.dims(0)), typed(op.dtype(3), statistics), typed(op.dtype(4), statistics)];
    },
    { settings: [3, 4] },
  ),
  InstanceNormalization: rule((op) => {
    requireChannels(op, [1, 2]);
    return likeFirst(op);
  }),
  GroupNormalization: rule(likeFirst),
  LayerNormalization: rule(layerNormalization),
  RMSNormalization: rule(likeFirst),
  LRN: rule(likeFirst),
  LpNormalization: rule(likeFirst),
  MeanVarianceNormalization: rule(likeFirst),
};
