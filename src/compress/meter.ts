/**
 * What models do, measured in process: how long one image takes, how often the answer is right, and what flows through them.
 * Passes decide by it what to keep; reports show it.
 */
import { quantile, Random, SkeinError } from '../base/index.ts';
import type { Dataset, ImageShape, Preprocessing } from '../data/index.ts';
import { feedsOf, fixedBatch, GraphEditor, type Model, onlyFeed } from '../graph/index.ts';
import { serializeModel } from '../onnx/index.ts';
import { Engine, type LoadedModel, type NamedTensors, type NumericData } from '../runtime/index.ts';
import { elementCount, type Shape } from '../tensor/index.ts';
import { givesProbabilities, highest, logProbabilities } from './answers.ts';

export interface MeterOptions {
  /** Threads of one inference; 1 unless told. */
  readonly threads?: number;
}

export interface LatencyOptions {
  /** Rounds in which every model runs for a while; 7 unless told. */
  readonly rounds?: number;
  /** Milliseconds of each model in a round; 30 unless told. */
  readonly roundMs?: number;
}

export interface Accuracy {
  /** Fraction of 1. */
  readonly top1: number;
  /** Mean cross-entropy. */
  readonly loss: number;
  readonly images: number;
}

export interface ObserveOptions {
  /** Which images, in which order; all of them unless told. */
  readonly order?: ArrayLike<number>;
  /** Images at once; 64 unless told. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
  /** Told after each batch how many images are done. */
  readonly onImages?: (images: number) => void;
}

/** What flowed through a model for one batch. */
export interface Observation {
  readonly count: number;
  readonly labels: Int32Array;
  /** Which images of the set these are. */
  readonly indices: Uint32Array;
  readonly values: ReadonlyMap<string, { readonly dims: Shape; readonly data: NumericData }>;
}

const WARM_UP_RUNS = 3;
const BATCH = 64;

export class Meter {
  readonly #engine: Engine;

  constructor({ threads = 1 }: MeterOptions = {}) {
    this.#engine = new Engine({ workers: 1, threads });
  }

  /** Milliseconds of one image inside ONNX Runtime, as {@link latenciesMs} has them. */
  async latencyMs(model: Model, options: LatencyOptions & { readonly shape?: ImageShape } = {}): Promise<number> {
    const [median] = await this.latenciesMs([model], options);
    return median as number;
  }

  /**
   * Milliseconds of one image for each model; a list of models is asked one after another, and their times are one. They
   * take turns, so that what else the machine does meets all of them; each one's is the median over the rounds of the lower
   * quartile in each.
   * @param options.shape of an image, where the models leave it open
   */
  async latenciesMs(
    models: readonly (Model | readonly Model[])[],
    { rounds = 7, roundMs = 30, shape }: LatencyOptions & { readonly shape?: ImageShape } = {},
  ): Promise<number[]> {
    const loaded = new Map<Model, LoadedModel>();
    try {
      const sets = models.map((each): readonly Model[] => ('graph' in each ? [each] : each));
      for (const model of new Set(sets.flat())) loaded.set(model, await this.#engine.load(serializeModel(model)));
      const feeds = new Map([...loaded.keys()].map((model) => [model, oneImage(model, shape)]));
      const times = sets.map((): number[] => []);
      const run = async (model: Model): Promise<number> => {
        const { computeMs } = await (loaded.get(model) as LoadedModel).run(feeds.get(model) as () => NamedTensors);
        // A model of a fixed batch answers several images at once.
        return computeMs / (fixedBatch(model) ?? 1);
      };
      for (let round = 0; round < rounds; round++) {
        for (const [i, set] of sets.entries()) {
          for (let warm = 0; warm < WARM_UP_RUNS; warm++) for (const model of set) await run(model);
          const ofRound: number[] = [];
          const end = performance.now() + roundMs;
          while (ofRound.length < 3 || performance.now() < end) {
            let sum = 0;
            for (const model of set) sum += await run(model);
            ofRound.push(sum);
          }
          times[i]?.push(quantile(ofRound, 0.25));
        }
      }
      return times.map((each) => quantile(each, 0.5));
    } finally {
      for (const model of loaded.values()) await model.unload();
    }
  }

  /**
   * How often the model's first output is highest at the label.
   * @throws SkeinError 'invalid-argument' where the data has no images or other classes than the model has scores;
   * 'cancelled' on the signal
   */
  async accuracy(
    model: Model,
    data: Dataset,
    preprocessing: Preprocessing,
    options: ObserveOptions = {},
  ): Promise<Accuracy> {
    const scores = model.graph.outputs[0]?.name ?? '';
    const probabilities = givesProbabilities(model);
    let [images, right, loss] = [0, 0, 0];
    for await (const { count, labels, values } of this.observe(model, [scores], data, preprocessing, options)) {
      const { dims, data: all } = values.get(scores) as { dims: Shape; data: Float32Array };
      const classes = elementCount(dims) / count;
      if (classes !== data.classNames.length) {
        throw new SkeinError(
          'invalid-argument',
          `Cannot measure on '${data.source}': the model has ${classes} scores, the data ${data.classNames.length} classes`,
        );
      }
      for (let row = 0; row < count; row++) {
        const own = all.subarray(row * classes, (row + 1) * classes);
        const label = labels[row] as number;
        if (highest(own) === label) right++;
        loss -= logProbabilities(own, probabilities)[label] as number;
      }
      images += count;
    }
    if (images === 0) throw new SkeinError('invalid-argument', `Cannot measure on '${data.source}': it has no images`);
    return { top1: right / images, loss: loss / images, images };
  }

  /**
   * Runs the model over the images and gives, batch after batch, what these values were.
   * @param values names of values of the graph, outputs or not
   * @throws SkeinError 'unsupported' where the model has not one input; 'cancelled' on the signal
   */
  async *observe(
    model: Model,
    values: readonly string[],
    data: Dataset,
    preprocessing: Preprocessing,
    { order, batch = BATCH, signal, onImages }: ObserveOptions = {},
  ): AsyncGenerator<Observation> {
    const { name: input } = onlyFeed(model.graph, 'Cannot measure the model');
    const size = fixedBatch(model) ?? batch;
    const loaded = await this.#engine.load(serializeModel(withOutputs(model, values)));
    let images = 0;
    try {
      for await (const each of data.batches(preprocessing, size, order === undefined ? {} : { order })) {
        if (signal?.aborted) throw new SkeinError('cancelled', `Stopped after ${images} images were looked at`);
        const rows = fixedBatch(model) ?? each.count;
        const { outputs } = await loaded.run((buffers) => {
          const copy = buffers.float32((rows * each.data.length) / each.count);
          // A model of a fixed batch gets the images once more behind the last one.
          for (let at = 0; at < copy.length; at += each.data.length) {
            copy.set(each.data.subarray(0, copy.length - at), at);
          }
          return { [input]: { dtype: 'float32', dims: [rows, ...preprocessing.shape], data: copy } };
        });
        const seen = values.map((name) => [name, ofRows(outputs[name], rows, each.count)] as const);
        yield { count: each.count, labels: each.labels, indices: each.indices, values: new Map(seen) };
        images += each.count;
        onImages?.(images);
      }
    } finally {
      await loaded.unload();
    }
  }

  async close(): Promise<void> {
    await this.#engine.close();
  }
}

/** The model with these values, and no others, as outputs. */
export function withOutputs(model: Model, values: readonly string[]): Model {
  const known = new Map(model.graph.outputs.map((output) => [output.name, output]));
  const outputs = values.map((name) => known.get(name) ?? { name, type: undefined });
  const editor = new GraphEditor({ ...model.graph, outputs });
  editor.removeUnused();
  return { ...model, graph: editor.build() };
}

/** Normal noise, as normalised images have about that spread; the same in every run. */
function oneImage(model: Model, shape: ImageShape | undefined): () => NamedTensors {
  const { name: input } = onlyFeed(model.graph, 'Cannot measure the model');
  const declared = feedsOf(model.graph)[0]?.type?.dims ?? [];
  const dims = declared.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? 1 : (shape?.[axis - 1] ?? 0)));
  if (dims.length === 0 || dims.includes(0)) {
    throw new SkeinError(
      'invalid-argument',
      `Cannot time the model: its input '${input}' leaves the image's size open`,
    );
  }
  const random = new Random(1);
  const noise = Float32Array.from({ length: elementCount(dims) }, () => random.normal());
  return () => ({ [input]: { dtype: 'float32', dims, data: noise.slice() } });
}

function ofRows(tensor: NamedTensors[string] | undefined, rows: number, count: number) {
  if (tensor === undefined || Array.isArray(tensor.data)) {
    throw new SkeinError('internal', 'The engine gave no numbers for a value that was asked for');
  }
  const { dims, data } = tensor as { dims: Shape; data: NumericData };
  if (rows === count || dims[0] !== rows) return { dims, data };
  return { dims: [count, ...dims.slice(1)], data: data.subarray(0, (data.length / rows) * count) as NumericData };
}
