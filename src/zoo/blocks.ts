/**
 * What the families share: convolution with batch normalisation before or after it, stages of blocks, the classifier.
 * Names are the same everywhere, since freezing and optimisers match them: `conv1`, `bn1`, … in order within a block,
 * `layer<stage from 1>.<block from 0>` around it, and `linear` for the layer that gives the logits.
 */
import type { GraphBuilder } from '../ops/index.ts';

export interface ConvShape {
  readonly out: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
}

/** Convolution without bias that keeps height and width at stride 1. */
export function plainConv(b: GraphBuilder, x: string, shape: ConvShape): string {
  return b.conv(x, { ...shape, padding: (shape.kernel - 1) / 2, bias: false });
}

export function convBn(b: GraphBuilder, x: string, shape: ConvShape): string {
  return b.batchNorm(plainConv(b, x, shape));
}

export function convBnRelu(b: GraphBuilder, x: string, shape: ConvShape): string {
  return b.relu(convBn(b, x, shape));
}

/** Pre-activation: what a convolution of such a network reads (He et al. 2016, Identity Mappings). */
export function bnRelu(b: GraphBuilder, x: string): string {
  return b.relu(b.batchNorm(x));
}

/** Global average pooling and one linear layer. */
export function classifier(b: GraphBuilder, x: string, classes: number): string {
  return b.linear(b.flatten(b.globalAveragePool(x)), { out: classes, name: 'linear' });
}

/** Blocks of the same width in a row, of which the first has the stride. */
export interface Stage {
  readonly blocks: number;
  readonly out: number;
  readonly stride: number;
}

/** The blocks of all stages one after the other, each in its scope. */
export function stages<S extends Stage>(
  b: GraphBuilder,
  x: string,
  plan: readonly S[],
  block: (x: string, stride: number, stage: S) => string,
): string {
  for (const [s, stage] of plan.entries()) {
    for (let i = 0; i < stage.blocks; i++) {
      const from = x;
      x = b.scope(`layer${s + 1}.${i}`, () => block(from, i === 0 ? stage.stride : 1, stage));
    }
  }
  return x;
}

/** Three stages as of CIFAR's residual networks: from the second on half the height and width, twice the channels. */
export function threeStages(out: number, blocks: number): Stage[] {
  return [1, 2, 4].map((times) => ({ blocks, out: out * times, stride: times === 1 ? 1 : 2 }));
}

/** `channels` times `width`, to a whole number from 1. */
export function scaled(channels: number, width: number): number {
  return Math.max(1, Math.round(channels * width));
}

/** Images to 64 pixels a side; for these the networks made for ImageNet reduce less at their beginning. */
export function hasSmallImages(b: GraphBuilder, images: string): boolean {
  return Math.min(b.sizeOf(images, 2), b.sizeOf(images, 3)) <= 64;
}
