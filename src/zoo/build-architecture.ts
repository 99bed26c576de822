/** An architecture by name as a model with fresh weights: 'input' [batch, C, H, W] → 'logits' [batch, classes]. */
import { asSkeinError, SkeinError } from '../base/index.ts';
import type { Model } from '../graph/index.ts';
import { costOf, GraphBuilder, type Initialization } from '../ops/index.ts';
import { type Architecture, parseArchitecture } from './parse-architecture.ts';

/** Of an ONNX file. */
const LARGEST_BYTES = 2 ** 31 - 1;

export interface ArchitectureOptions {
  /** 10 unless told. */
  readonly classes?: number;
  /** [channels, height, width] of an image; [3, 32, 32] unless told. */
  readonly inputShape?: readonly number[];
  /** Of the initial weights; 0 unless told. */
  readonly seed?: number;
  /** Unless told, what the family was published with; 'zeros' where the weights will come from elsewhere. */
  readonly initialization?: Initialization;
}

/**
 * `buildArchitecture('vgg19:width=0.5', { classes: 100 })`. Batch normalisations are nodes, ready for training: their
 * running statistics are those of no data yet (mean 0, variance 1).
 * @param architecture a name as `parseArchitecture` takes them, or what it gave
 * @throws SkeinError 'invalid-argument' for an unknown name, options that are off, or images too small for the network,
 *   'too-large' where no ONNX file could hold it
 */
export function buildArchitecture(architecture: string | Architecture, options: ArchitectureOptions = {}): Model {
  const { name, family, parameters } =
    typeof architecture === 'string' ? parseArchitecture(architecture) : architecture;
  const { classes = 10, inputShape = [3, 32, 32], seed = 0, initialization = family.initialization } = options;
  const whole = (value: number): boolean => Number.isSafeInteger(value) && value > 0;
  if (!whole(classes)) {
    throw new SkeinError(
      'invalid-argument',
      `Cannot build ${name}: classes must be a whole number from 1, received ${classes}`,
    );
  }
  if (inputShape.length !== 3 || !inputShape.every(whole)) {
    throw new SkeinError(
      'invalid-argument',
      `Cannot build ${name}: the shape of an image must be [channels, height, width], received [${inputShape.join(', ')}]`,
    );
  }
  const make = (given: Initialization): Model => {
    const b = new GraphBuilder({ name, seed, initialization: given });
    const images = b.input('input', 'float32', ['batch', ...inputShape]);
    b.output('logits', family.build(b, images, parameters, classes));
    return b.build();
  };
  try {
    // Without weights first: a mistyped width must not fill the memory.
    const empty = make('zeros');
    const { bytes } = costOf(empty);
    if (bytes > LARGEST_BYTES)
      throw new SkeinError('too-large', `it must fit into 2 GB, its weights have ${bytes} bytes`);
    return initialization === 'zeros' ? empty : make(initialization);
  } catch (error) {
    const known = asSkeinError(error, 'internal');
    const subject = `Cannot build ${name} for images [${inputShape.join(', ')}]`;
    throw new SkeinError(known.code, `${subject}: ${known.message}`, { cause: error });
  }
}
