/**
 * Training steps of ResNet-20 in TensorFlow.js. Arguments: the folder that it is installed in, batch, backend: 'cpu' is plain
 * JavaScript; 'wasm' has no gradient of a convolution's weights, so that it is given here, as the convolution of the
 * transposed images with the transposed gradient.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { answerSeconds } from '../../dist/bench/processes/answer-seconds.js';

const [folder, batchText, backend] = process.argv.slice(2);
const batch = Number(batchText);
const load = createRequire(join(folder, 'package.json'));
const tf = load('@tensorflow/tfjs');
if (backend === 'wasm') {
  const { setWasmPaths } = load('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(join(dirname(load.resolve('@tensorflow/tfjs-backend-wasm')), '/'));
}
await tf.setBackend(backend);
await tf.ready();

const BLOCKS = 3;
const RATE = 0.01;
const MOMENTUM = 0.9;
const DECAY = 5e-4;
const STAGES = [
  [16, 1],
  [32, 2],
  [64, 2],
];
const PAD = 1;

const variables = [];
const variable = (values) => {
  const made = tf.variable(values);
  variables.push({ made, velocity: tf.variable(tf.zerosLike(values)), decays: values.rank > 1 });
  return made;
};
const kernel = (inputs, out) => variable(tf.randomNormal([3, 3, inputs, out], 0, Math.sqrt(2 / (9 * out))));
const norm = (channels) => ({ scale: variable(tf.ones([channels])), shift: variable(tf.zeros([channels])) });

const stem = { weight: kernel(3, 16), bn: norm(16) };
const blocks = [];
let inputs = 16;
for (const [out, first] of STAGES) {
  for (let i = 0; i < BLOCKS; i++) {
    const stride = i === 0 ? first : 1;
    blocks.push({ stride, out, conv1: kernel(inputs, out), bn1: norm(out), conv2: kernel(out, out), bn2: norm(out) });
    inputs = out;
  }
}
const linear = { weight: variable(tf.randomNormal([64, 10], 0, Math.sqrt(2 / 10))), bias: variable(tf.zeros([10])) };

function convWithGradient(x, weight, stride) {
  return tf.customGrad((images, filter, save) => {
    save([images, filter]);
    const gradFunc = (dy, [saved, kept]) => [
      tf.conv2dTranspose(dy, kept, saved.shape, stride, PAD),
      tf.tidy(() => {
        const wide = tf.conv2d(
          tf.transpose(saved, [3, 1, 2, 0]),
          tf.transpose(dy, [1, 2, 0, 3]),
          1,
          PAD,
          'NHWC',
          stride,
        );
        return tf.transpose(tf.slice(wide, [0, 0, 0, 0], [-1, 3, 3, -1]), [1, 2, 0, 3]);
      }),
    ];
    return { value: tf.conv2d(images, filter, stride, PAD), gradFunc };
  })(x, weight);
}

const conv = backend === 'wasm' ? convWithGradient : (x, weight, stride) => tf.conv2d(x, weight, stride, PAD);

function batchNorm(x, { scale, shift }) {
  const mean = tf.mean(x, [0, 1, 2], true);
  const centred = tf.sub(x, mean);
  const variance = tf.mean(tf.mul(centred, centred), [0, 1, 2], true);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, 1e-5))), scale), shift);
}

/** Every second pixel, and zeros for the channels that are not there. */
function shortcut(x, out, stride) {
  const [n, height, width, channels] = x.shape;
  if (stride === 1) return x;
  const pairs = tf.slice(tf.reshape(x, [n, height / 2, 2, width * channels]), [0, 0, 0, 0], [-1, -1, 1, -1]);
  const picked = tf.slice(
    tf.reshape(pairs, [n, height / 2, width / 2, 2 * channels]),
    [0, 0, 0, 0],
    [-1, -1, -1, channels],
  );
  const before = (out - channels) / 2;
  return tf.pad(picked, [
    [0, 0],
    [0, 0],
    [0, 0],
    [before, before],
  ]);
}

const images = tf.randomNormal([batch, 32, 32, 3]);
const targets = tf.oneHot(
  tf.tensor1d(
    Array.from({ length: batch }, (_, i) => i % 10),
    'int32',
  ),
  10,
);

function loss() {
  let x = tf.relu(batchNorm(conv(images, stem.weight, 1), stem.bn));
  for (const { stride, out, conv1, bn1, conv2, bn2 } of blocks) {
    const inner = tf.relu(batchNorm(conv(x, conv1, stride), bn1));
    x = tf.relu(tf.add(batchNorm(conv(inner, conv2, 1), bn2), shortcut(x, out, stride)));
  }
  const logits = tf.add(tf.matMul(tf.mean(x, [1, 2]), linear.weight), linear.bias);
  return tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), tf.cast(targets, 'float32')), -1)));
}

function step() {
  return tf.tidy(() => {
    const { value, grads } = tf.variableGrads(loss);
    for (const { made, velocity, decays } of variables) {
      const gradient = decays ? tf.add(grads[made.name], tf.mul(made, DECAY)) : grads[made.name];
      velocity.assign(tf.add(tf.mul(velocity, MOMENTUM), gradient));
      made.assign(tf.sub(made, tf.mul(tf.add(gradient, tf.mul(velocity, MOMENTUM)), RATE)));
    }
    return value.dataSync()[0];
  });
}

await answerSeconds(
  `TensorFlow.js ${tf.version.tfjs}, ${backend === 'wasm' ? 'WebAssembly with a weight gradient of ours' : 'plain JavaScript'}`,
  async () => step(),
);
