/**
 * An ONNX model seen as an image classifier: one float32 input [N, C, H, W], scores from its first float32 output of
 * rank 2, [N, K]; one score a row, for yes or no, counts as two classes. Exports with a fixed batch size n run n rows at a
 * time, the last batch padded with zeros. Knows no preprocessing and no labels.
 */
import { stat } from 'node:fs/promises';
import { type BufferPool, SkeinError } from '../base/index.ts';
import type { ImageShape } from '../data/index.ts';
import { readModel } from '../onnx/index.ts';
import type { Engine, LoadedModel, TensorInfo } from '../runtime/index.ts';
import { elementCount, formatShape } from '../tensor/index.ts';
import type { ScoreScale } from './predictor.ts';
import { scoreScaleOf } from './score-scale.ts';
import { asTwoClasses, classesOf } from './single-score.ts';

export interface ClassifierExpectation {
  /** Decides dimensions that the model leaves open, and must equal those that it fixes. */
  readonly shape?: readonly number[];
  /** What the scores are; what the graph says unless told (see scoreScaleOf). */
  readonly scale?: ScoreScale;
}

export interface ClassifierScores {
  /** `count` rows of `classes` floats. */
  readonly scores: Float32Array;
  /** Milliseconds inside ONNX Runtime, of all runs that it took. */
  readonly computeMs: number;
}

interface Signature {
  readonly inputName: string;
  readonly inputShape: ImageShape;
  readonly outputName: string;
  /** Scores in a row. */
  readonly width: number;
  readonly fixedBatch: number | undefined;
}

export class Classifier {
  readonly file: string;
  readonly inputName: string;
  readonly inputShape: ImageShape;
  /** Floats of one image: C·H·W. */
  readonly inputSize: number;
  readonly outputName: string;
  readonly classes: number;
  readonly scale: ScoreScale;
  /** The only batch size that the model takes, or undefined where it takes any. */
  readonly fixedBatch: number | undefined;
  readonly #width: number;
  readonly #model: LoadedModel;
  readonly #buffers: BufferPool;

  private constructor(file: string, model: LoadedModel, buffers: BufferPool, signature: Signature, scale: ScoreScale) {
    this.file = file;
    this.inputName = signature.inputName;
    this.inputShape = signature.inputShape;
    this.inputSize = elementCount(signature.inputShape);
    this.outputName = signature.outputName;
    this.classes = classesOf(signature.width);
    this.#width = signature.width;
    this.scale = scale;
    this.fixedBatch = signature.fixedBatch;
    this.#model = model;
    this.#buffers = buffers;
  }

  /**
   * Loads the model on every thread of the engine.
   * @throws SkeinError 'not-found', 'corrupt' if it is no ONNX model, 'unsupported' if it is no image classifier,
   * 'invalid-argument' if it contradicts what is expected
   */
  static async open(engine: Engine, file: string, expected: ClassifierExpectation = {}): Promise<Classifier> {
    const found = await stat(file).catch(() => undefined);
    if (!found?.isFile()) throw new SkeinError('not-found', `Cannot open model '${file}': there is no such file`);
    const model = await engine.load(file).catch((error: unknown) => {
      if (error instanceof SkeinError && error.code === 'corrupt') {
        throw new SkeinError('corrupt', `Cannot open model '${file}': ${error.message}`, { cause: error });
      }
      throw error;
    });
    try {
      const signature = await signatureOf(model, file, expected);
      const scale = expected.scale ?? scoreScaleOf(await readModel(file), signature.outputName, signature.width);
      return new Classifier(file, model, engine.buffers, signature, scale);
    } catch (error) {
      await model.unload();
      throw error;
    }
  }

  /**
   * Scores of `count` images.
   * @param fill writes `count · inputSize` floats from the start of the array that it is given; called when a thread is
   * free, and again if that thread dies
   * @param onStart called when a thread has nothing before these images any more
   * @throws SkeinError as LoadedModel.run does; 'unsupported' if the model does not answer a row an image
   */
  async run(count: number, fill: (target: Float32Array) => void, onStart?: () => void): Promise<ClassifierScores> {
    if (count === 0) return { scores: new Float32Array(0), computeMs: 0 };
    const batch = this.fixedBatch ?? count;
    if (count <= batch) return this.#runOnce(count, batch, fill, onStart);
    const all = this.#buffers.float32(count * this.inputSize);
    fill(all);
    const runs: Promise<ClassifierScores>[] = [];
    for (let first = 0; first < count; first += batch) {
      const rows = Math.min(batch, count - first);
      const part = all.subarray(first * this.inputSize, (first + rows) * this.inputSize);
      runs.push(this.#runOnce(rows, batch, (target) => target.set(part), first === 0 ? onStart : undefined));
    }
    const parts = await Promise.allSettled(runs);
    this.#buffers.give(all.buffer as ArrayBuffer);
    const scores = new Float32Array(count * this.classes);
    let computeMs = 0;
    for (const [index, part] of parts.entries()) {
      if (part.status === 'rejected') throw part.reason;
      scores.set(part.value.scores, index * batch * this.classes);
      computeMs += part.value.computeMs;
    }
    return { scores, computeMs };
  }

  /** Milliseconds that so many images should take, after those that there were; 0 before the first. */
  expectedMs(count: number): number {
    return this.#model.expectedMs(count);
  }

  /** Frees the sessions, once what was already asked of them is answered. */
  async unload(): Promise<void> {
    await this.#model.unload();
  }

  async #runOnce(
    count: number,
    batch: number,
    fill: (target: Float32Array) => void,
    onStart: (() => void) | undefined,
  ): Promise<ClassifierScores> {
    const { outputs, computeMs } = await this.#model.run(
      (buffers) => {
        const data = buffers.float32(batch * this.inputSize);
        fill(count === batch ? data : data.subarray(0, count * this.inputSize));
        // Buffers come as their last user left them.
        if (count < batch) data.fill(0, count * this.inputSize);
        return { [this.inputName]: { dtype: 'float32', dims: [batch, ...this.inputShape], data } };
      },
      onStart,
      batch,
    );
    const output = outputs[this.outputName];
    if (output === undefined || output.dims.length !== 2 || output.dims[0] !== batch) {
      throw new SkeinError(
        'unsupported',
        `Model '${this.file}' must answer ${batch} images with scores ${formatShape([batch, this.#width])}, received ${formatShape(output?.dims ?? [])}`,
      );
    }
    const all = output.data as Float32Array;
    const scores = count === batch ? all : all.subarray(0, count * this.#width);
    return { scores: this.#width === 1 ? asTwoClasses(scores, this.scale) : scores, computeMs };
  }
}

async function signatureOf(model: LoadedModel, file: string, expected: ClassifierExpectation): Promise<Signature> {
  const refuse = (expectation: string, received: string) =>
    new SkeinError('unsupported', `Cannot use '${file}' as an image classifier: ${expectation}, received ${received}`);
  const [input, ...others] = model.inputs;
  if (input === undefined || others.length > 0 || input.dtype !== 'float32' || input.dims.length !== 4) {
    const received = model.inputs.length === 0 ? 'none' : model.inputs.map(describe).join(' and ');
    throw refuse('it must have one float32 input of rank 4 [batch, channels, height, width]', received);
  }
  const inputShape = resolveShape(file, input, expected.shape);
  const fixedBatch = typeof input.dims[0] === 'number' && input.dims[0] > 0 ? input.dims[0] : undefined;
  const outputs = await outputShapes(model, input.name, [fixedBatch ?? 1, ...inputShape]);
  const scores = outputs.find(({ dtype, dims }) => dtype === 'float32' && dims.length === 2);
  if (scores === undefined) {
    throw refuse('it must have a float32 output of rank 2 [batch, classes]', outputs.map(describe).join(' and '));
  }
  const width = scores.dims[1] as number;
  if (width < 1) throw refuse('it must have scores', describe(scores));
  return { inputName: input.name, inputShape, outputName: scores.name, width, fixedBatch };
}

/** C, H, W: what the model fixes, else what is expected. */
function resolveShape(file: string, input: TensorInfo, expected: readonly number[] | undefined): ImageShape {
  if (expected !== undefined && expected.length !== 3) {
    throw new SkeinError(
      'invalid-argument',
      `The image shape must be [channels, height, width], received ${formatShape(expected)}`,
    );
  }
  const shape = input.dims.slice(1).map((dim, axis) => {
    const wanted = expected?.[axis];
    if (typeof dim !== 'number' || dim < 1) {
      if (wanted !== undefined) return wanted;
      throw new SkeinError(
        'unsupported',
        `Cannot use '${file}': its input ${describe(input)} leaves the image's size open: say [channels, height, width]`,
      );
    }
    if (wanted !== undefined && wanted !== dim) {
      throw new SkeinError(
        'invalid-argument',
        `Model '${file}' takes images of ${formatShape(input.dims.slice(1))}, expected ${formatShape(expected ?? [])}`,
      );
    }
    return dim;
  });
  return shape as unknown as ImageShape;
}

/** The outputs with their real dimensions, from one run on zeros where the file does not say them. */
async function outputShapes(model: LoadedModel, inputName: string, dims: readonly number[]): Promise<TensorInfo[]> {
  const said = model.outputs.find(
    ({ dtype, dims }) => dtype === 'float32' && dims.length === 2 && typeof dims[1] === 'number' && dims[1] > 0,
  );
  const first = model.outputs.find(({ dtype }) => dtype === 'float32');
  if (said !== undefined && said === first) return [...model.outputs];
  const { outputs } = await model.run((buffers) => ({
    [inputName]: { dtype: 'float32', dims, data: buffers.float32(elementCount(dims)).fill(0) },
  }));
  return model.outputs.map(({ name, dtype }) => ({ name, dtype, dims: [...(outputs[name]?.dims ?? [])] }));
}

function describe({ name, dtype, dims }: TensorInfo): string {
  return `'${name}' ${dtype} ${formatShape(dims.map((dim) => (dim === '' || dim === -1 ? '?' : dim)))}`;
}
