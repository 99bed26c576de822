/**
 * Training steps of ResNet-20 in jax-js on its WebAssembly backend. Arguments: the folder that it is installed in, batch.
 * Every array is used once, or asked for with `ref` before: jax-js counts references.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { answerSeconds } from '../../dist/bench/processes/answer-seconds.js';

const [folder, batchText] = process.argv.slice(2);
const batch = Number(batchText);
const load = createRequire(join(folder, 'package.json'));
const entry = load.resolve('@jax-js/jax');
const { version } = JSON.parse(readFileSync(join(entry, '../../package.json'), 'utf8'));
const jax = await import(pathToFileURL(entry.replace(/\.cjs$/, '.js')).href);
const { numpy: np, lax, nn, init, defaultDevice, jit, valueAndGrad, tree, blockUntilReady } = jax;
await init('wasm');
defaultDevice('wasm');

const BLOCKS = 3;
const RATE = 0.01;
const MOMENTUM = 0.9;
const DECAY = 5e-4;
const STAGES = [
  [16, 1],
  [32, 2],
  [64, 2],
];

/** Normal numbers by Box and Muller, from a fixed seed. */
let state = 1;
function uniform() {
  state = (state * 48271) % 2147483647;
  return state / 2147483647;
}
function normal(dims, deviation) {
  const size = dims.reduce((a, b) => a * b, 1);
  const data = Float32Array.from(
    { length: size },
    () => deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
  return np.array(data).reshape(dims);
}

const kernel = (out, inputs) => normal([out, inputs, 3, 3], Math.sqrt(2 / (out * 9)));
const norm = (channels) => ({ scale: np.ones([1, channels, 1, 1]), shift: np.zeros([1, channels, 1, 1]) });

function initialParameters() {
  const blocks = [];
  let inputs = 16;
  for (const [out] of STAGES) {
    for (let i = 0; i < BLOCKS; i++) {
      blocks.push({ conv1: kernel(out, inputs), bn1: norm(out), conv2: kernel(out, out), bn2: norm(out) });
      inputs = out;
    }
  }
  return {
    conv: kernel(16, 3),
    bn: norm(16),
    blocks,
    linear: { weight: normal([64, 10], Math.sqrt(2 / 10)), bias: np.zeros([10]) },
  };
}

const conv = (x, weight, stride) =>
  lax.conv(
    x,
    weight,
    [stride, stride],
    [
      [1, 1],
      [1, 1],
    ],
  );

function batchNorm(x, { scale, shift }) {
  const mean = np.mean(x.ref, [0, 2, 3], { keepdims: true });
  const centred = x.sub(mean);
  const variance = np.mean(centred.ref.mul(centred.ref), [0, 2, 3], { keepdims: true });
  return centred
    .div(np.sqrt(variance.add(1e-5)))
    .mul(scale)
    .add(shift);
}

/** Every second pixel, and zeros for the channels that are not there. */
function shortcut(x, out, stride) {
  const [n, channels, height, width] = x.shape;
  if (stride === 1) return x;
  const picked = x.reshape([n, channels, height / 2, 2, width / 2, 2]).slice([], [], [], 0, [], 0);
  const before = (out - channels) / 2;
  return np.pad(picked, [
    [0, 0],
    [before, before],
    [0, 0],
    [0, 0],
  ]);
}

function loss(parameters, images, targets) {
  let x = nn.relu(batchNorm(conv(images, parameters.conv, 1), parameters.bn));
  for (const [i, block] of parameters.blocks.entries()) {
    const [out, first] = STAGES[Math.floor(i / BLOCKS)];
    const stride = i % BLOCKS === 0 ? first : 1;
    const inner = nn.relu(batchNorm(conv(x.ref, block.conv1, stride), block.bn1));
    const result = batchNorm(conv(inner, block.conv2, 1), block.bn2);
    x = nn.relu(result.add(shortcut(x, out, stride)));
  }
  const logits = np.matmul(np.mean(x, [2, 3]), parameters.linear.weight).add(parameters.linear.bias);
  return np.mean(np.sum(nn.logSoftmax(logits).mul(targets), -1)).neg();
}

const train = jit((parameters, velocity, images, targets) => {
  const [value, gradient] = valueAndGrad(loss)(tree.ref(parameters), images, targets);
  const decayed = tree.map(
    (g, p) => (p.ndim > 1 && p.shape[0] !== 1 ? g.add(p.mul(DECAY)) : g),
    gradient,
    tree.ref(parameters),
  );
  const moved = tree.map((v, g) => v.mul(MOMENTUM).add(g), velocity, tree.ref(decayed));
  const direction = tree.map((g, v) => g.add(v.mul(MOMENTUM)), decayed, tree.ref(moved));
  return [value, tree.map((p, d) => p.sub(d.mul(RATE)), parameters, direction), moved];
});

let parameters = initialParameters();
let velocity = tree.map((p) => np.zeros(p.shape), parameters);
const images = normal([batch, 3, 32, 32], 1);
const targets = nn.oneHot(np.array(Int32Array.from({ length: batch }, (_, i) => i % 10)), 10);

await answerSeconds(`jax-js ${version}, WebAssembly`, async () => {
  const [value, nextParameters, nextVelocity] = train(parameters, velocity, images.ref, targets.ref);
  parameters = nextParameters;
  velocity = nextVelocity;
  await blockUntilReady(parameters);
  return (await value.data())[0];
});
