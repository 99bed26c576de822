/**
 * DenseNet for CIFAR (Huang et al. 2017): every layer adds `growth` channels to all that came before. BC is the form with
 * bottlenecks, whose transitions halve the channels.
 */
import type { GraphBuilder } from '../ops/index.ts';
import { bnRelu, classifier, plainConv, stages } from './blocks.ts';
import type { Family } from './family.ts';

interface Form {
  readonly bottleneck: boolean;
  readonly title: string;
  readonly sizes: Family<'depth' | 'growth'>['sizes'];
}

function denseFamily({ bottleneck, title, sizes }: Form): Family<'depth' | 'growth'> {
  // Three stages of layers, the stem, two transitions and the classifier.
  const step = bottleneck ? 6 : 3;
  return {
    title,
    parameters: {
      depth: { about: `layers, ${step}n + 4`, values: { from: step + 4, step } },
      growth: { about: 'channels that a layer adds', default: 12, values: { from: 1, step: 1 } },
    },
    sizes,
    initialization: 'kaiming-fan-out',
    build(b, images, { depth, growth }, classes) {
      const stem = plainConv(b, images, { out: bottleneck ? 2 * growth : 16, kernel: 3 });
      const plan = [1, 2, 2].map((stride) => ({ blocks: (depth - 4) / step, out: growth, stride }));
      const features = stages(b, stem, plan, (x, stride) => {
        const before = stride === 1 ? x : transition(b, x, bottleneck ? 0.5 : 1);
        const active = bnRelu(b, before);
        const layer = bottleneck ? bnRelu(b, plainConv(b, active, { out: 4 * growth, kernel: 1 })) : active;
        return b.concat([before, plainConv(b, layer, { out: growth, kernel: 3 })]);
      });
      return classifier(b, bnRelu(b, features), classes);
    },
  };
}

/** Between stages: half the height and width, and a share of the channels. */
function transition(b: GraphBuilder, x: string, share: number): string {
  return b.scope('transition', () => {
    const mixed = plainConv(b, bnRelu(b, x), { out: Math.floor(b.sizeOf(x, 1) * share), kernel: 1 });
    return b.averagePool(mixed, { kernel: 2, stride: 2 });
  });
}

export const densenet = denseFamily({
  bottleneck: false,
  title: 'DenseNet for CIFAR (Huang et al. 2017)',
  sizes: { 'densenet-40-12': { depth: 40, growth: 12 } },
});

export const densenetBc = denseFamily({
  bottleneck: true,
  title: 'DenseNet-BC for CIFAR (Huang et al. 2017)',
  sizes: { 'densenet-bc-100-12': { depth: 100, growth: 12 } },
});
