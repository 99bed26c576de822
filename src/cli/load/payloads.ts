/** From labelled images to the bodies of requests, one an image, in every form that a server of Skein takes. */
import { SkeinError } from '../../base/index.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import { matchClasses } from '../../plan/index.ts';
import type { Target } from './target.ts';
import type { Payload } from './words.ts';

export interface PayloadSet {
  /** One an image: the bytes of its tensor, or its file. */
  readonly contents: readonly Uint8Array[];
  /** The class that the model should give; where data and model have no common classes, -1. */
  readonly labels: Int32Array;
  /** What is to be said of how the classes were matched, if anything is. */
  readonly warning?: string;
}

/** @throws SkeinError 'invalid-argument' if the source has no image files, or the model takes no images */
export async function loadPayloads(
  data: Dataset,
  target: Target,
  payload: Payload,
  normalization: Pick<Preprocessing, 'mean' | 'std'>,
): Promise<PayloadSet> {
  const { classOf, warning } = classesOf(data, target);
  const contents: Uint8Array[] = [];
  const labels: number[] = [];
  if (payload === 'tensor') {
    const shape = imageShape(target);
    const rowBytes = 4 * shape[0] * shape[1] * shape[2];
    for await (const batch of data.batches({ shape, ...normalization }, 64)) {
      const bytes = new Uint8Array(batch.data.buffer, batch.data.byteOffset, batch.data.byteLength);
      for (let row = 0; row < batch.count; row++) {
        contents.push(bytes.subarray(row * rowBytes, (row + 1) * rowBytes));
        labels.push(classOf[batch.labels[row] as number] as number);
      }
    }
  } else {
    for (let i = 0; i < data.size; i++) {
      const file = data.encoded(i);
      if (file === undefined) {
        throw new SkeinError(
          'invalid-argument',
          `Data '${data.source}' holds pixels, not image files, which --payload ${payload} sends: use --payload tensor`,
        );
      }
      contents.push(payload === 'bytes' ? withLength(file) : file);
      labels.push(classOf[data.label(i)] as number);
    }
  }
  if (contents.length === 0) {
    throw new SkeinError('invalid-argument', `Data '${data.source}' has no image that can be read`);
  }
  return { contents, labels: Int32Array.from(labels), ...(warning !== undefined && { warning }) };
}

/** [C, H, W] of the model's input. */
function imageShape({ model, input }: Target): readonly [number, number, number] {
  const [channels, height, width] = input.shape.slice(1);
  if (input.datatype !== 'FP32' || input.shape.length !== 4 || !channels || !height || !width) {
    throw new SkeinError(
      'invalid-argument',
      `Model '${model}' takes ${input.datatype} [${input.shape.join(',')}]: expected images, FP32 [n,C,H,W]`,
    );
  }
  return [channels, height, width];
}

/** For each class of the data its index in the model; -1 where that has other classes, which load does not mind. */
function classesOf(
  { classNames }: Dataset,
  { model, output, labels }: Target,
): { classOf: ArrayLike<number>; warning?: string } {
  const names = labels ?? Array.from({ length: output.shape.at(-1) ?? 0 }, (_, index) => String(index));
  try {
    const classOf = matchClasses(classNames, names);
    if (labels !== undefined) return { classOf };
    return {
      classOf,
      warning: `the server does not name the classes of '${model}': the data's are taken in their order`,
    };
  } catch {
    const warning = `the data's classes (${some(classNames)}) are not those of '${model}' (${some(names)}): no accuracy is measured`;
    return { classOf: classNames.map(() => -1), warning };
  }
}

function some(names: readonly string[]): string {
  return names.length <= 3 ? names.join(', ') : `${names.slice(0, 3).join(', ')}, …`;
}

/** An element of a BYTES tensor: its length as 4 bytes, little-endian, then itself. */
function withLength(file: Uint8Array): Uint8Array {
  const element = Buffer.alloc(4 + file.length);
  element.writeUInt32LE(file.length);
  element.set(file, 4);
  return element;
}
