/**
 * Trains the two embedded models, `models/shapes-small.onnx` and `models/shapes-big.onnx`, on drawn shapes:
 * Adam (Kingma and Ba 2015), a learning rate that falls as a cosine, each batch shared out to the engine's threads. The
 * splits `val` and `test` are not looked at before the end.
 *
 *     node dist/scripts/train-default-models.js [small|big]
 */
import { Random, SkeinError } from '../src/base/index.ts';
import { type Batch, type Dataset, openData } from '../src/data/index.ts';
import { type Model, Tensor } from '../src/graph/index.ts';
import { serializeModel, writeModel } from '../src/onnx/index.ts';
import { argmax } from '../src/plan/index.ts';
import { Engine, type LoadedModel, type RunResult, type TensorData } from '../src/runtime/index.ts';
import { buildClassifier, buildStep, CLASSES, type ConvLayer, gradientOf } from './training-graph.ts';

interface Recipe {
  readonly layers: readonly ConvLayer[];
  readonly epochs: number;
  /** How many drawn images of the split `train`. */
  readonly images: number;
}

const conv = (out: number, stride: 1 | 2 = 1): ConvLayer => ({ out, stride });

/** Many images and few epochs: what a network has seen often, it is too sure of. About five minutes each on two cores. */
const RECIPES: Readonly<Record<string, Recipe>> = {
  small: { layers: [conv(16, 2), conv(24, 2), conv(32), conv(32, 2)], epochs: 8, images: 80_000 },
  big: { layers: [conv(16), conv(32, 2), conv(48), conv(64, 2), conv(64)], epochs: 8, images: 20_000 },
};
const BATCH = 64;
const LEARNING_RATE = 3e-3;
const MEAN = [0.5, 0.5, 0.5];
const STD = [0.25, 0.25, 0.25];
const PREPROCESSING = { shape: [3, 32, 32], mean: MEAN, std: STD } as const;
const IMAGE_SIZE = 3 * 32 * 32;

/** A parameter with Adam's averages of its gradient and of the gradient's square. */
interface Parameter {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

async function train(name: string, { layers, epochs }: Recipe, data: Dataset, engine: Engine): Promise<Model> {
  const initial = buildClassifier(layers, 1);
  const parameters = [...initial.graph.initializers].map(([key, tensor]): Parameter => {
    const values = tensor.float32s().slice();
    return { name: key, dims: tensor.dims, values, first: values.map(() => 0), second: values.map(() => 0) };
  });
  const step = await engine.load(serializeModel(buildStep(layers, initial.graph.initializers)));
  const random = new Random(1);
  const order = Uint32Array.from({ length: data.size }, (_, i) => i);
  const steps = epochs * Math.ceil(data.size / BATCH);
  for (let epoch = 1, done = 0; epoch <= epochs; epoch++) {
    const start = Date.now();
    let loss = 0;
    for await (const batch of data.batches(PREPROCESSING, BATCH, { order: random.shuffle(order) })) {
      const results = await runShares(step, engine.workers, batch, parameters);
      for (const { loss: part } of results) loss += part?.[0] as number;
      const rate = (LEARNING_RATE / 2) * (1 + Math.cos((Math.PI * done) / steps));
      done++;
      for (const parameter of parameters) {
        const key = gradientOf(parameter.name);
        const shares = results.map((result) => result[key] as Float32Array);
        updateByAdam(parameter, shares, batch.count, rate, done);
      }
    }
    const seconds = ((Date.now() - start) / 1000).toFixed(0);
    console.log(`${name}: epoch ${epoch} of ${epochs}, loss ${(loss / data.size).toFixed(3)}, ${seconds} s`);
  }
  await step.unload();
  const initializers = new Map(parameters.map(({ name: key, dims, values }) => [key, Tensor.float32(dims, values)]));
  const metadata = new Map([
    ['labels', JSON.stringify(data.classNames)],
    ['mean', JSON.stringify(MEAN)],
    ['std', JSON.stringify(STD)],
    ['trainedBy', `node dist/scripts/train-default-models.js ${name}`],
  ]);
  return { ...initial, graph: { ...initial.graph, initializers }, metadata };
}

/** The outputs of the step for each part of the batch, one part a thread. */
async function runShares(
  step: LoadedModel,
  threads: number,
  { data, labels, count }: Batch,
  parameters: readonly Parameter[],
): Promise<Record<string, Float32Array>[]> {
  const rows = Math.ceil(count / threads);
  const runs: Promise<RunResult>[] = [];
  for (let first = 0; first < count; first += rows) {
    const part = labels.subarray(first, first + rows);
    const images = data.subarray(first * IMAGE_SIZE, (first + part.length) * IMAGE_SIZE);
    const targets = new Float32Array(part.length * CLASSES);
    for (const [row, label] of part.entries()) targets[row * CLASSES + label] = 1;
    runs.push(
      step.run((buffers) => {
        const tensor = (dims: readonly number[], values: Float32Array): TensorData => {
          const copy = buffers.float32(values.length);
          copy.set(values);
          return { dtype: 'float32', dims, data: copy };
        };
        return {
          input: tensor([part.length, ...PREPROCESSING.shape], images),
          targets: tensor([part.length, CLASSES], targets),
          ...Object.fromEntries(parameters.map(({ name, dims, values }) => [name, tensor(dims, values)])),
        };
      }),
    );
  }
  return (await Promise.all(runs)).map(({ outputs }) =>
    Object.fromEntries(Object.entries(outputs).map(([key, output]) => [key, output.data as Float32Array])),
  );
}

/** One step of Adam with its usual constants; `shares` are sums over parts of a batch of `count` images. */
function updateByAdam(
  { values, first, second }: Parameter,
  shares: readonly Float32Array[],
  count: number,
  rate: number,
  step: number,
): void {
  const [firstBias, secondBias] = [1 - 0.9 ** step, 1 - 0.999 ** step];
  for (let i = 0; i < values.length; i++) {
    const gradient = shares.reduce((total, share) => total + (share[i] as number), 0) / count;
    const mean = 0.9 * (first[i] as number) + 0.1 * gradient;
    const square = 0.999 * (second[i] as number) + 0.001 * gradient * gradient;
    first[i] = mean;
    second[i] = square;
    values[i] = (values[i] as number) - (rate * mean) / firstBias / (Math.sqrt(square / secondBias) + 1e-8);
  }
}

/** The fraction of a split that the model is right on. */
async function accuracy(model: Model, engine: Engine, split: string): Promise<number> {
  const data = await openData('shapes', { split });
  const loaded = await engine.load(serializeModel(model));
  let right = 0;
  for await (const { data: images, labels, count } of data.batches(PREPROCESSING, 100)) {
    const { outputs } = await loaded.run(() => ({
      input: { dtype: 'float32', dims: [count, ...PREPROCESSING.shape], data: images.slice() },
    }));
    const logits = outputs.logits?.data as Float32Array;
    for (let i = 0; i < count; i++) if (argmax(logits, i * CLASSES, CLASSES) === labels[i]) right++;
  }
  await loaded.unload();
  await data.close();
  return right / data.size;
}

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RECIPES);
const engine = new Engine();
try {
  for (const name of names) {
    const recipe = RECIPES[name];
    if (recipe === undefined) {
      throw new SkeinError('invalid-argument', `Expected ${Object.keys(RECIPES).join(' or ')}, received '${name}'`);
    }
    const data = await openData('shapes', { split: 'train', limit: recipe.images });
    const model = await train(name, recipe, data, engine);
    await data.close();
    await writeModel(model, `models/shapes-${name}.onnx`);
    console.log(`${name}: ${((await accuracy(model, engine, 'val')) * 100).toFixed(1)} % of 'val'`);
  }
} finally {
  await engine.close();
}
