/** A trained model that another learns from: written into the other's step, or asked once about every image beforehand. */
import {
  embedModel,
  GraphWriter,
  OLDEST_OPSET,
  Terms,
  teacherLogits,
  writePreprocessing,
} from '../../autodiff/index.ts';
import { SkeinError } from '../../base/index.ts';
import { type Augmentation, type Dataset, type Preprocessing, variantsOf } from '../../data/index.ts';
import { type Dim, type Model, onlyFeed, standardOpset } from '../../graph/index.ts';
import { liftOpset } from '../../ops/index.ts';
import { withDynamicBatch } from '../../train/index.ts';
import { fold, foldBatchNorm } from '../../transforms/index.ts';
import { type Meter, withOutputs } from '../meter.ts';

export interface Teacher {
  readonly model: Model;
  /** How images become its input. */
  readonly preprocessing: Preprocessing;
}

const PREFIX = 'teacher/';

/**
 * Writes the teacher behind the student's input, as it answers and not as it trains.
 * @param images the student's input
 * @param from how that came about
 * @param value the teacher's to be written, an output or not
 * @returns the value in the graph
 * @throws SkeinError 'unsupported' or 'invalid-argument' for what cannot be a teacher
 */
export function writeTeacher(t: Terms, teacher: Teacher, images: string, from: Preprocessing, value: string): string {
  const { model, preprocessing } = teacher;
  const input = inputOf(model);
  const lifted = liftOpset(model, OLDEST_OPSET);
  const open = withDynamicBatch(withOutputs(lifted, [value]), 'Cannot use the model as a teacher');
  const prepared = foldBatchNorm.apply(fold.apply(open).model).model;
  return t.writer.scope('teacher', () => {
    const own = t.cast(writePreprocessing(t, images, from, preprocessing), input.dtype);
    const [made = ''] = embedModel(t.writer, prepared, { prefix: PREFIX, feeds: new Map([[input.name, own]]) });
    return t.cast(made, 'float32');
  });
}

/** The teacher's logits [N, K] of the student's images. */
export function writeTeacherLogits(t: Terms, teacher: Teacher, images: string, from: Preprocessing): string {
  return teacherLogits(t, writeTeacher(t, teacher, images, from, scoresOf(teacher)));
}

export interface AskOptions {
  /** How many variants of each image, mirrored ones after those that are not: see `variantsOf`. */
  readonly variants: 1 | 2;
  readonly batch?: number;
  readonly onProgress?: (images: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * The teacher's logits of every image, [images, variants, K]; zeros of what cannot be read.
 * @throws SkeinError 'cancelled' once the signal has come
 */
export async function askTeacher(
  meter: Meter,
  teacher: Teacher,
  data: Dataset,
  { variants, batch = 64, onProgress, signal }: AskOptions,
): Promise<Float32Array> {
  const classes = data.classNames.length;
  const values = new Float32Array(data.size * variants * classes);
  let done = 0;
  const asked = meter.observe(logitsModel(teacher, variants), [LOGITS], data, teacher.preprocessing, { batch });
  for await (const { count, indices, values: seen } of asked) {
    const { dims, data: all } = seen.get(LOGITS) as { dims: readonly number[]; data: Float32Array };
    if (dims.length !== 2 || dims[1] !== classes) throw otherClasses(teacher, dims, classes);
    for (let variant = 0; variant < variants; variant++) {
      for (const [row, index] of indices.entries()) {
        const from = (variant * count + row) * classes;
        values.set(all.subarray(from, from + classes), (index * variants + variant) * classes);
      }
    }
    done += count;
    onProgress?.(done);
    if (signal?.aborted)
      throw new SkeinError('cancelled', `Stopped after ${done} images that the teacher was asked about`);
  }
  return values;
}

const [IMAGES, LOGITS] = ['images', 'teacher.logits'] as const;

/** From images to the teacher's logits: of the mirrored ones, where they are asked for, behind those of the others. */
function logitsModel(teacher: Teacher, variants: 1 | 2): Model {
  const { model, preprocessing } = teacher;
  const writer = new GraphWriter({
    ...model,
    opsets: new Map([...model.opsets, ['', Math.max(standardOpset(model), OLDEST_OPSET)]]),
    functions: [],
    trainingInfos: [],
    graph: {
      name: 'teacher',
      inputs: [{ name: IMAGES, type: { dtype: 'float32', dims: ['batch', ...preprocessing.shape] } }],
      outputs: [],
      initializers: new Map(),
      sparseInitializers: new Map(),
      nodes: [],
      valueInfos: new Map(),
    },
  });
  const t = new Terms(writer, { name: 'teacher', opType: 'model', outputs: [LOGITS] });
  const mirrored = (): string => t.slice(IMAGES, [{ axis: 3, start: -1, end: -(2 ** 31), step: -1 }]);
  const images = variants === 1 ? IMAGES : t.op('Concat', [IMAGES, mirrored()], { axis: 0 });
  return writer.build(new Map([[LOGITS, writeTeacherLogits(t, teacher, images, preprocessing)]]));
}

/** @throws SkeinError 'invalid-argument' where it scores other classes */
export function checkClasses(teacher: Teacher, classes: number): void {
  const declared = teacher.model.graph.outputs[0]?.type?.dims;
  const scores = declared?.[1];
  if (typeof scores === 'number' && scores !== classes) throw otherClasses(teacher, declared ?? [], classes);
}

function otherClasses(teacher: Teacher, dims: readonly Dim[], classes: number): SkeinError {
  return new SkeinError(
    'invalid-argument',
    `The teacher must score ${classes} classes, [batch, ${classes}], received '${scoresOf(teacher)}' [${dims.join(', ')}]`,
  );
}

function scoresOf({ model }: Teacher): string {
  return model.graph.outputs[0]?.name ?? '';
}

function inputOf({ graph }: Model): { readonly name: string; readonly dtype: 'float32' | 'float16' | 'float64' } {
  const { name, type } = onlyFeed(graph, 'The teacher cannot be asked');
  const { dtype, dims } = type ?? {};
  if (dims?.length !== 4) {
    throw new SkeinError('unsupported', `The teacher's input '${name}' must be [batch, channels, height, width]`);
  }
  if (dtype === 'float32' || dtype === 'float16' || dtype === 'float64') return { name, dtype };
  throw new SkeinError('unsupported', `The teacher's input '${name}' must be of floats, received ${dtype}`);
}

/** Numbers kept at most of what a teacher has said beforehand: 512 MiB. */
const MOST_KEPT = 2 ** 27;

/**
 * Of how many variants of each image to ask the teacher beforehand; undefined where it had better run in every step, as
 * variants are too many, come up too rarely, or would take too much memory.
 */
export function variantsToAsk(
  { classNames, size }: Pick<Dataset, 'classNames' | 'size'>,
  { augmentation = {}, epochs }: { readonly augmentation?: Augmentation; readonly epochs: number },
): 1 | 2 | undefined {
  const variants = variantsOf(augmentation);
  if (variants === undefined || epochs < variants) return undefined;
  return size * variants * classNames.length > MOST_KEPT ? undefined : variants;
}
