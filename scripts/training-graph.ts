/**
 * A plain convolutional network (3×3 convolutions with ReLU, average pooling, one linear layer) and the graph of its
 * training step, differentiated by hand: from images, one-hot targets and weights to the loss and the gradient of every
 * weight, summed over the batch. Only for the embedded models; it knows no other network.
 */
import { type Model, Tensor } from '../src/graph/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';

export interface ConvLayer {
  /** Output channels. */
  readonly out: number;
  readonly stride: 1 | 2;
}

export const CLASSES = 10;
const INPUT = ['batch', 3, 32, 32] as const;

/** The network as it is served: 'input' [batch, 3, 32, 32] → 'logits' [batch, 10], Kaiming weights from the seed. */
export function buildClassifier(layers: readonly ConvLayer[], seed: number): Model {
  const b = new GraphBuilder({ seed });
  let x = b.input('input', 'float32', INPUT);
  for (const { out, stride } of layers) x = b.relu(b.conv(x, { out, stride, kernel: 3, padding: 1 }));
  b.output('logits', b.linear(b.flatten(b.globalAveragePool(x)), { out: CLASSES, name: 'fc' }));
  return b.build();
}

/**
 * The training step of the same network. Inputs: 'input', 'targets' [batch, 10] and every parameter by its name.
 * Outputs: 'loss' (cross-entropy), and for each parameter `gradientOf(name)`.
 */
export function buildStep(layers: readonly ConvLayer[], parameters: ReadonlyMap<string, Tensor>): Model {
  const b = new GraphBuilder();
  let x = b.input('input', 'float32', INPUT);
  const targets = b.input('targets', 'float32', ['batch', CLASSES]);
  for (const [name, { dims }] of parameters) b.input(name, 'float32', dims);

  const activations = [x];
  for (const [i, { stride }] of layers.entries()) {
    const inputs = [x, `conv${i + 1}.weight`, `conv${i + 1}.bias`];
    x = b.relu(b.op('Conv', inputs, windowOf(stride)));
    activations.push(x);
  }
  const features = b.flatten(b.globalAveragePool(x));
  const logits = b.op('Gemm', [features, 'fc.weight', 'fc.bias'], { transB: 1 });
  b.output('loss', b.op('Neg', [sum(b, b.mul(targets, b.op('LogSoftmax', [logits])), [0, 1])]));

  const toLogits = b.op('Sub', [b.softmax(logits), targets]);
  b.output(gradientOf('fc.weight'), b.op('Gemm', [toLogits, features], { transA: 1 }));
  b.output(gradientOf('fc.bias'), sum(b, toLogits, [0]));
  const toFeatures = b.op('MatMul', [toLogits, 'fc.weight']);
  const share = b.constant(Tensor.scalar('float32', 1 / b.sizeOf(x, 2) ** 2));
  let gradient = b.reshape(b.mul(toFeatures, share), [0, 0, 1, 1]);
  for (let i = layers.length; i > 0; i--) {
    const [before, after] = [activations[i - 1] as string, activations[i] as string];
    const { stride } = layers[i - 1] as ConvLayer;
    // The slope of ReLU is 1 where it let something through.
    gradient = b.mul(gradient, b.op('Sign', [after]));
    b.output(gradientOf(`conv${i}.weight`), weightGradient(b, before, gradient, stride));
    b.output(gradientOf(`conv${i}.bias`), sum(b, gradient, [0, 2, 3]));
    if (i > 1) {
      const attributes = { ...windowOf(stride), output_padding: [stride - 1, stride - 1] };
      gradient = b.op('ConvTranspose', [gradient, `conv${i}.weight`], attributes);
    }
  }
  return b.build();
}

export function gradientOf(parameter: string): string {
  return `${parameter}.gradient`;
}

function windowOf(stride: number): Record<string, readonly number[]> {
  return { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [stride, stride] };
}

function sum(b: GraphBuilder, x: string, axes: readonly number[]): string {
  return b.op('ReduceSum', [x, b.constant(Tensor.int64s(axes))], { keepdims: 0 });
}

/** dW[o, c, i, j] = Σ dy[n, o, p] · x[n, c, p · stride + (i, j)], as a matrix product of dy with nine shifted images. */
function weightGradient(b: GraphBuilder, x: string, dy: string, stride: number): string {
  const [channels, out, side] = [b.sizeOf(x, 1), b.sizeOf(dy, 1), b.sizeOf(dy, 2)];
  const padded = b.pad(x, [0, 0, 1, 1, 0, 0, 1, 1]);
  const from = (axis: number, start: number) => ({ axis, start, end: start + stride * (side - 1) + 1, step: stride });
  const places = Array.from({ length: 9 }, (_, place) =>
    b.slice(padded, [from(2, Math.floor(place / 3)), from(3, place % 3)]),
  );
  const shifted = b.reshape(b.concat(places), [0, 9 * channels, side * side]);
  const product = b.op('MatMul', [shifted, b.transpose(b.reshape(dy, [0, out, side * side]), [0, 2, 1])]);
  const total = sum(b, product, [0]);
  return b.reshape(b.transpose(b.reshape(total, [9, channels, out]), [2, 1, 0]), [out, channels, 3, 3]);
}
