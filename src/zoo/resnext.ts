/**
 * ResNeXt for CIFAR, depth (C×d): C groups of d channels in the first stage's 3×3 convolutions (Xie et al. 2017). Depth 29
 * is theirs, with a stem of 64 channels; 56 and 110 have one of 16 (Separable Neural Network, table 1: ResNeXt-56 (8×16d)).
 * A block gives four times the stem's channels, twice as many in each later stage.
 */
import { classifier, convBn, convBnRelu, stages, threeStages } from './blocks.ts';
import type { Family } from './family.ts';
import { projected, residual } from './residual.ts';

export const resnext: Family<'depth' | 'cardinality' | 'width' | 'stem'> = {
  title: 'ResNeXt for CIFAR (Xie et al. 2017)',
  parameters: {
    depth: { about: 'layers, 9n + 2', values: { from: 11, step: 9 } },
    cardinality: { about: 'groups', default: 8, values: { from: 1, step: 1 } },
    width: { about: 'channels a group', default: 16, values: { from: 1, step: 1 } },
    stem: { about: 'channels of the first layer', default: 16, values: { from: 1, step: 1 } },
  },
  sizes: {
    'resnext29-32x4d': { depth: 29, stem: 64, cardinality: 32, width: 4 },
    resnext56: { depth: 56, stem: 16 },
    resnext110: { depth: 110, stem: 16 },
  },
  initialization: 'kaiming-fan-out',
  build(b, images, { depth, cardinality, width, stem }, classes) {
    const first = convBnRelu(b, images, { out: stem, kernel: 3 });
    const plan = threeStages(4 * stem, (depth - 2) / 9);
    const features = stages(b, first, plan, (x, stride, { out }) => {
      const inner = (cardinality * width * out) / (4 * stem);
      const branch = (at: string) => {
        const reduced = convBnRelu(b, at, { out: inner, kernel: 1 });
        const mixed = convBnRelu(b, reduced, { out: inner, kernel: 3, stride, groups: cardinality });
        return convBn(b, mixed, { out, kernel: 1 });
      };
      return residual(b, x, stride, branch, projected);
    });
    return classifier(b, features, classes);
  },
};
