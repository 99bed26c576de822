/**
 * Builds a model as one writes a network: each call adds a layer and gives the name of its output. Shapes are followed,
 * so that no layer has to be told its input channels; parameters are initialised from a seed and named as PyTorch names
 * them ('layer1.0.conv1.weight'). Images are NCHW. Opset 13 and up.
 *
 *     const b = new GraphBuilder({ seed: 1 });
 *     let x = b.input('input', 'float32', ['batch', 3, 32, 32]);
 *     x = b.relu(b.batchNorm(b.conv(x, { out: 16, kernel: 3, padding: 1, bias: false })));
 *     b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: 10 }));
 *     const model = b.build();
 */
import { SkeinError } from '../base/index.ts';
import { formatShape } from '../tensor/index.ts';
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
import type { Dim } from './model.ts';
import { Tensor } from './tensor.ts';
import { windowDim } from './window.ts';

export class GraphBuilder extends BaseBuilder {
  /** Two-dimensional convolution [N, C, H, W] → [N, out, H', W']; Kaiming weights, zero bias. */
  conv(x: string, options: ConvOptions): string {
    const inChannels = this.sizeOf(x, 1);
    const groups = options.groups ?? 1;
    if (inChannels % groups !== 0 || options.out % groups !== 0) {
      throw new SkeinError(
        'invalid-argument',
        `conv: ${inChannels} input and ${options.out} output channels must divide into ${groups} groups`,
      );
    }
    const kernel = pair(options.kernel);
    const dims = [options.out, inChannels / groups, ...kernel];
    return this.scope(this.layerName('conv', options.name), () => {
      const inputs = [x, this.parameter('weight', dims, kaimingNormal(this.random, dims))];
      if (options.bias !== false) inputs.push(this.parameter('bias', [options.out], 0));
      const attributes = { ...this.#windowAttributes(options), dilations: pair(options.dilation ?? 1), group: groups };
      return this.op('Conv', inputs, attributes, { shape: this.#windowShape(x, options.out, options) });
    });
  }

  /** Transposed convolution [N, C, H, W] → [N, out, (H−1)·stride + kernel − padding, …]. */
  convTranspose(x: string, options: ConvOptions): string {
    const inChannels = this.sizeOf(x, 1);
    const groups = options.groups ?? 1;
    const [kernel, stride, dilation] = [pair(options.kernel), pair(options.stride ?? 1), pair(options.dilation ?? 1)];
    const pads = fourPads(options.padding);
    const dims = [inChannels, options.out / groups, ...kernel];
    const spatial = this.dimsOf(x)
      .slice(2)
      .map((size, i) => {
        if (typeof size !== 'number') return undefined;
        const reach = ((kernel[i] ?? 1) - 1) * (dilation[i] ?? 1) + 1;
        return (size - 1) * (stride[i] ?? 1) + reach - (pads[i] ?? 0) - (pads[i + 2] ?? 0);
      });
    return this.scope(this.layerName('deconv', options.name), () => {
      const inputs = [x, this.parameter('weight', dims, kaimingNormal(this.random, dims))];
      if (options.bias !== false) inputs.push(this.parameter('bias', [options.out], 0));
      const attributes = { ...this.#windowAttributes(options), dilations: dilation, group: groups };
      return this.op('ConvTranspose', inputs, attributes, { shape: [this.dimsOf(x)[0], options.out, ...spatial] });
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
      return this.op('BatchNormalization', inputs, attributes, { shape: this.dimsOf(x) });
    });
  }

  /** Fully connected layer [N, in] → [N, out], a Gemm whose weight is [out, in] as PyTorch keeps it. */
  linear(x: string, options: LinearOptions): string {
    const dims = [options.out, this.sizeOf(x, 1)];
    return this.scope(this.layerName('fc', options.name), () => {
      const inputs = [x, this.parameter('weight', dims, kaimingNormal(this.random, dims))];
      if (options.bias !== false) inputs.push(this.parameter('bias', [options.out], 0));
      return this.op('Gemm', inputs, { transB: 1 }, { shape: [this.dimsOf(x)[0], options.out] });
    });
  }

  /** The same as `linear`, under the operator's name. */
  gemm(x: string, options: LinearOptions): string {
    return this.linear(x, options);
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
    return this.op('Add', [a, b], {}, { shape: this.#broadcast('add', a, b) });
  }

  mul(a: string, b: string): string {
    return this.op('Mul', [a, b], {}, { shape: this.#broadcast('mul', a, b) });
  }

  concat(values: readonly string[], axis = 1): string {
    const shapes = values.map((value) => this.dimsOf(value));
    const at = axis < 0 ? axis + (shapes[0]?.length ?? 0) : axis;
    const total = shapes.reduce<Dim>((sum, dims) => {
      const size = dims[at];
      return typeof sum === 'number' && typeof size === 'number' ? sum + size : undefined;
    }, 0);
    return this.op('Concat', values, { axis }, { shape: (shapes[0] ?? []).map((dim, i) => (i === at ? total : dim)) });
  }

  /** Parts of the given sizes along an axis. */
  split(x: string, sizes: readonly number[], axis = 1): string[] {
    const inputs = [x, this.constant(Tensor.int64s(sizes))];
    const parts = this.ops('Split', inputs, { axis }, { outputs: sizes.length });
    for (const [i, size] of sizes.entries()) {
      this.know(
        parts[i] as string,
        this.dimsOf(x).map((dim, at) => (at === axis ? size : dim)),
      );
    }
    return parts;
  }

  maxPool(x: string, options: PoolOptions): string {
    const attributes = { ...this.#windowAttributes(options), ceil_mode: options.ceilMode ?? false };
    return this.op('MaxPool', [x], attributes, { shape: this.#windowShape(x, this.dimsOf(x)[1], options) });
  }

  averagePool(x: string, options: AveragePoolOptions): string {
    const attributes = {
      ...this.#windowAttributes(options),
      ceil_mode: options.ceilMode ?? false,
      count_include_pad: options.countIncludePad ?? false,
    };
    return this.op('AveragePool', [x], attributes, { shape: this.#windowShape(x, this.dimsOf(x)[1], options) });
  }

  /** [N, C, H, W] → [N, C, 1, 1] */
  globalAveragePool(x: string): string {
    return this.op('GlobalAveragePool', [x], {}, { shape: this.dimsOf(x).map((dim, i) => (i < 2 ? dim : 1)) });
  }

  /** [N, …] → [N, product of the rest] */
  flatten(x: string): string {
    const dims = this.dimsOf(x);
    const rest = dims.slice(1).reduce<Dim>((product, dim) => {
      return typeof product === 'number' && typeof dim === 'number' ? product * dim : undefined;
    }, 1);
    return this.op('Flatten', [x], { axis: 1 }, { shape: [dims[0], rest] });
  }

  /** `dims` as ONNX's Reshape takes them: 0 keeps the input's dimension, −1 is inferred. */
  reshape(x: string, dims: readonly number[]): string {
    const from = this.dimsOf(x);
    // Symbols that are copied count on neither side of what −1 stands for.
    const copies = (i: number): boolean => dims[i] === 0 && typeof from[i] === 'string';
    const product = (list: readonly Dim[]): number =>
      list.reduce<number>((sofar, dim, i) => (copies(i) ? sofar : typeof dim === 'number' ? sofar * dim : NaN), 1);
    const kept = dims.map((dim, i) => (dim === 0 ? from[i] : dim));
    const inferred = product(from) / -product(kept);
    const shape = kept.map((dim) => (dim !== -1 ? dim : Number.isInteger(inferred) ? inferred : undefined));
    return this.op('Reshape', [x, this.constant(Tensor.int64s(dims))], {}, { shape });
  }

  transpose(x: string, perm: readonly number[]): string {
    const dims = this.dimsOf(x);
    return this.op('Transpose', [x], { perm }, { shape: perm.map((axis) => dims[axis]) });
  }

  /** x[…, start:end:step, …] along some axes; `end` may be left out. */
  slice(x: string, axes: readonly { axis: number; start: number; end?: number; step?: number }[]): string {
    const list = (values: readonly number[]): string => this.constant(Tensor.int64s(values));
    const shape = this.dimsOf(x).map((dim, i) => {
      const part = axes.find(({ axis }) => axis === i);
      if (part === undefined || typeof dim !== 'number') return part === undefined ? dim : undefined;
      const bound = (at: number): number => Math.min(dim, Math.max(0, at < 0 ? at + dim : at));
      return Math.max(0, Math.ceil((bound(part.end ?? dim) - bound(part.start)) / (part.step ?? 1)));
    });
    const inputs = [
      x,
      list(axes.map(({ start }) => start)),
      list(axes.map(({ end }) => end ?? 2 ** 31 - 1)),
      list(axes.map(({ axis }) => axis)),
      list(axes.map(({ step }) => step ?? 1)),
    ];
    return this.op('Slice', inputs, {}, { shape });
  }

  /** Constant padding with zeros: [begin of each axis, end of each axis]. */
  pad(x: string, pads: readonly number[]): string {
    const rank = pads.length / 2;
    const shape = this.dimsOf(x).map((dim, i) => {
      const extra = (pads[i] ?? 0) + (pads[i + rank] ?? 0);
      return typeof dim === 'number' ? dim + extra : extra === 0 ? dim : undefined;
    });
    return this.op('Pad', [x, this.constant(Tensor.int64s(pads))], {}, { shape });
  }

  /** Mixes channels between groups: [N, g·c, H, W] seen as [g, c], transposed (ShuffleNet). */
  channelShuffle(x: string, groups: number): string {
    const [channels, height, width] = [this.sizeOf(x, 1), this.sizeOf(x, 2), this.sizeOf(x, 3)];
    const grouped = this.reshape(x, [0, groups, channels / groups, height, width]);
    return this.reshape(this.transpose(grouped, [0, 2, 1, 3, 4]), [0, channels, height, width]);
  }

  #windowAttributes(options: WindowOptions): Record<string, readonly number[]> {
    return {
      kernel_shape: pair(options.kernel),
      strides: pair(options.stride ?? 1),
      pads: fourPads(options.padding),
      ...(options.dilation === undefined ? {} : { dilations: pair(options.dilation) }),
    };
  }

  #windowShape(x: string, channels: Dim, options: PoolOptions): Dim[] {
    const dims = this.dimsOf(x);
    const window = {
      kernel: pair(options.kernel),
      strides: pair(options.stride ?? 1),
      dilations: pair(options.dilation ?? 1),
      pads: fourPads(options.padding),
      autoPad: 'NOTSET',
      ceilMode: options.ceilMode ?? false,
    };
    const spatial = dims.slice(2).map((size, axis) => windowDim(window, axis, size));
    if (dims.length !== 4 || spatial.some((size) => typeof size === 'number' && size < 1)) {
      throw new SkeinError(
        'invalid-argument',
        `A window of ${window.kernel.join('×')} does not fit '${x}' ${formatShape(dims)}`,
      );
    }
    return [dims[0], channels, ...spatial];
  }

  #broadcast(what: string, a: string, b: string): Dim[] {
    const [left, right] = [this.dimsOf(a), this.dimsOf(b)];
    const rank = Math.max(left.length, right.length);
    return Array.from({ length: rank }, (_, i) => {
      const [m, n] = [left[i - rank + left.length], right[i - rank + right.length]];
      if (i < rank - left.length || m === 1) return n;
      if (i < rank - right.length || n === 1 || m === n) return m;
      if (typeof m === 'number' && typeof n === 'number') {
        throw new SkeinError(
          'invalid-argument',
          `${what}: ${formatShape(left)} and ${formatShape(right)} do not broadcast`,
        );
      }
      return typeof m === 'number' ? m : n;
    });
  }
}
