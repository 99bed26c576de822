/**
 * Builds a model as one writes a network: each call adds a layer and gives the name of its output. The operators' own
 * rules give its shape, so that no layer has to be told its input channels; parameters are initialised from a seed and
 * named as PyTorch names them ('layer1.0.conv1.weight'). Images are NCHW. Opset 13 and up.
 *
 *     const b = new GraphBuilder({ seed: 1 });
 *     let x = b.input('input', 'float32', ['batch', 3, 32, 32]);
 *     x = b.relu(b.batchNorm(b.conv(x, { out: 16, kernel: 3, padding: 1, bias: false })));
 *     b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: 10 }));
 *     const model = b.build();
 */
import { SkeinError } from '../base/index.ts';
import { Tensor } from '../graph/index.ts';
import { elementCount, type Shape } from '../tensor/index.ts';
import { BaseBuilder } from './base-builder.ts';
import {
  type AveragePoolOptions,
  type BatchNormOptions,
  type ConvOptions,
  fourPads,
  type LinearOptions,
  type PoolOptions,
  pair,
  type WindowOptions,
} from './builder-options.ts';
import { kaimingNormal } from './initialize.ts';

export class GraphBuilder extends BaseBuilder {
  /** Two-dimensional convolution [N, C, H, W] → [N, out, H', W']; weights as `initialization` says, zero bias. */
  conv(x: string, options: ConvOptions): string {
    const { inChannels, groups } = this.#channels('conv', x, options);
    const dims = [options.out, inChannels / groups, ...pair(options.kernel)];
    const fan = this.initialization === 'kaiming-fan-out' ? 'out' : 'in';
    return this.scope(this.layerName('conv', options.name), () => {
      const inputs = [x, this.#weight(dims, fan, groups)];
      if (options.bias !== false) inputs.push(this.parameter('bias', [options.out], 0));
      const attributes = { ...this.#windowAttributes(options), dilations: pair(options.dilation ?? 1), group: groups };
      return this.op('Conv', inputs, attributes);
    });
  }

  /** Transposed convolution [N, C, H, W] → [N, out, (H−1)·stride + kernel − padding, …]. */
  convTranspose(x: string, options: ConvOptions): string {
    const { inChannels, groups } = this.#channels('convTranspose', x, options);
    const dims = [inChannels, options.out / groups, ...pair(options.kernel)];
    return this.scope(this.layerName('deconv', options.name), () => {
      const inputs = [x, this.#weight(dims)];
      if (options.bias !== false) inputs.push(this.parameter('bias', [options.out], 0));
      const attributes = { ...this.#windowAttributes(options), dilations: pair(options.dilation ?? 1), group: groups };
      return this.op('ConvTranspose', inputs, attributes);
    });
  }

  /** Batch normalisation in inference mode: weight 1, bias 0, running mean 0, running variance 1. */
  batchNorm(x: string, options: BatchNormOptions = {}): string {
    const channels = [this.sizeOf(x, 1)];
    return this.scope(this.layerName('bn', options.name), () => {
      const inputs = [
        x,
        this.parameter('weight', channels, 1),
        this.parameter('bias', channels, 0),
        this.parameter('running_mean', channels, 0),
        this.parameter('running_var', channels, 1),
      ];
      const attributes = { epsilon: options.epsilon ?? 1e-5, momentum: options.momentum ?? 0.9 };
      return this.op('BatchNormalization', inputs, attributes);
    });
  }

  /**
   * Fully connected layer [N, in] → [N, out], a Gemm whose weight is [out, in] as PyTorch keeps it. Always fan-in: what a
   * classifier says at first should not grow with its features.
   */
  linear(x: string, options: LinearOptions): string {
    const dims = [options.out, this.sizeOf(x, 1)];
    return this.scope(this.layerName('fc', options.name), () => {
      const inputs = [x, this.#weight(dims)];
      if (options.bias !== false) inputs.push(this.parameter('bias', [options.out], 0));
      return this.op('Gemm', inputs, { transB: 1 });
    });
  }

  relu(x: string): string {
    return this.op('Relu', [x]);
  }

  /** min(max(x, 0), 6), as a Clip. */
  relu6(x: string): string {
    return this.clip(x, 0, 6);
  }

  clip(x: string, low: number, high: number): string {
    const bound = (value: number): string => this.constant(Tensor.scalar(this.dtype, value));
    return this.op('Clip', [x, bound(low), bound(high)]);
  }

  sigmoid(x: string): string {
    return this.op('Sigmoid', [x]);
  }

  hardSwish(x: string): string {
    return this.op('HardSwish', [x]);
  }

  softmax(x: string, axis = -1): string {
    return this.op('Softmax', [x], { axis });
  }

  dropout(x: string, ratio = 0.5): string {
    return this.op('Dropout', [x, this.constant(Tensor.scalar('float32', ratio))]);
  }

  add(a: string, b: string): string {
    return this.op('Add', [a, b]);
  }

  mul(a: string, b: string): string {
    return this.op('Mul', [a, b]);
  }

  concat(values: readonly string[], axis = 1): string {
    return this.op('Concat', values, { axis });
  }

  /** Parts of the given sizes along an axis. */
  split(x: string, sizes: readonly number[], axis = 1): string[] {
    const inputs = [x, this.constant(Tensor.int64s(sizes))];
    return this.ops('Split', inputs, { axis }, { outputs: sizes.length });
  }

  maxPool(x: string, options: PoolOptions): string {
    const attributes = { ...this.#windowAttributes(options), ceil_mode: options.ceilMode ?? false };
    return this.op('MaxPool', [x], attributes);
  }

  averagePool(x: string, options: AveragePoolOptions): string {
    const attributes = {
      ...this.#windowAttributes(options),
      ceil_mode: options.ceilMode ?? false,
      count_include_pad: options.countIncludePad ?? false,
    };
    return this.op('AveragePool', [x], attributes);
  }

  /** [N, C, H, W] → [N, C, 1, 1] */
  globalAveragePool(x: string): string {
    return this.op('GlobalAveragePool', [x]);
  }

  /** [N, …] → [N, product of the rest] */
  flatten(x: string): string {
    return this.op('Flatten', [x], { axis: 1 });
  }

  /** `dims` as ONNX's Reshape takes them: 0 keeps the input's dimension, −1 is inferred. */
  reshape(x: string, dims: readonly number[]): string {
    return this.op('Reshape', [x, this.constant(Tensor.int64s(dims))]);
  }

  transpose(x: string, perm: readonly number[]): string {
    return this.op('Transpose', [x], { perm });
  }

  /** x[…, start:end:step, …] along some axes; without `end` as far as the step leads. */
  slice(x: string, axes: readonly { axis: number; start: number; end?: number; step?: number }[]): string {
    const list = (values: readonly number[]): string => this.constant(Tensor.int64s(values));
    const inputs = [
      x,
      list(axes.map(({ start }) => start)),
      list(axes.map(({ end, step = 1 }) => end ?? (step > 0 ? 2 ** 31 - 1 : -(2 ** 31)))),
      list(axes.map(({ axis }) => axis)),
      list(axes.map(({ step }) => step ?? 1)),
    ];
    return this.op('Slice', inputs);
  }

  /** Constant padding with zeros: [begin of each axis, end of each axis]. */
  pad(x: string, pads: readonly number[]): string {
    return this.op('Pad', [x, this.constant(Tensor.int64s(pads))]);
  }

  /** Mixes channels between groups: [N, g·c, H, W] seen as [g, c], transposed (ShuffleNet). */
  channelShuffle(x: string, groups: number): string {
    const [channels, height, width] = [this.sizeOf(x, 1), this.sizeOf(x, 2), this.sizeOf(x, 3)];
    const grouped = this.reshape(x, [0, groups, channels / groups, height, width]);
    return this.reshape(this.transpose(grouped, [0, 2, 1, 3, 4]), [0, channels, height, width]);
  }

  #weight(dims: Shape, fan: 'in' | 'out' = 'in', groups = 1): string {
    if (this.initialization !== 'zeros') {
      return this.parameter('weight', dims, kaimingNormal(this.random, dims, fan, groups));
    }
    // Made when asked for: who only counts needs no memory.
    const bytes = elementCount(dims) * (this.dtype === 'float64' ? 8 : 4);
    return this.initializer('weight', new Tensor(this.dtype, dims, () => new Uint8Array(bytes)));
  }

  /** @throws SkeinError 'invalid-argument' if the channels do not divide into the groups */
  #channels(what: string, x: string, options: ConvOptions): { inChannels: number; groups: number } {
    const inChannels = this.sizeOf(x, 1);
    const groups = options.groups ?? 1;
    if (inChannels % groups !== 0 || options.out % groups !== 0) {
      throw new SkeinError(
        'invalid-argument',
        `${what}: ${inChannels} input and ${options.out} output channels must divide into ${groups} groups`,
      );
    }
    return { inChannels, groups };
  }

  #windowAttributes(options: WindowOptions): Record<string, readonly number[]> {
    return {
      kernel_shape: pair(options.kernel),
      strides: pair(options.stride ?? 1),
      pads: fourPads(options.padding),
      ...(options.dilation === undefined ? {} : { dilations: pair(options.dilation) }),
    };
  }
}
