/** Images that are one model's input already, made into another's inside the graph. */
import { SkeinError } from '../base/index.ts';
import { Tensor } from '../graph/index.ts';
import type { Terms } from './terms.ts';

/** How images become a model's input. */
export interface InputForm {
  /** [channels, height, width] */
  readonly shape: readonly number[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * Images [N, C, h, w] as another preprocessing makes them: (RGB / 255 − mean) / std of one as an affine map of the other's,
 * and the size by averages where it is a whole fraction, else by linear interpolation.
 */
export function writePreprocessing(t: Terms, images: string, from: InputForm, to: InputForm): string {
  const [channels = 0] = from.shape;
  if (channels !== to.shape[0]) {
    throw new SkeinError(
      'invalid-argument',
      `The teacher must take images of as many channels as the student: expected ${channels}, received ${to.shape[0]}`,
    );
  }
  const factors = from.std.map((std, c) => std / (to.std[c] as number));
  const shifts = from.mean.map((mean, c) => (mean - (to.mean[c] as number)) / (to.std[c] as number));
  const perChannel = (values: readonly number[]): string =>
    t.writer.constant(Tensor.of(t.dtype(images), [1, channels, 1, 1], values));
  let mapped = images;
  if (factors.some((factor) => factor !== 1)) mapped = t.mul(mapped, perChannel(factors));
  if (shifts.some((shift) => shift !== 0)) mapped = t.add(mapped, perChannel(shifts));
  const isSameSize = from.shape.every((dim, axis) => dim === to.shape[axis]);
  // A model may leave its size open.
  return isSameSize ? mapped : writeResized(t, mapped, to.shape.slice(1));
}

/** [N, C, h, w] in another size: averages where h and w are multiples of it, else linear interpolation. */
export function writeResized(t: Terms, x: string, [height = 1, width = 1]: readonly number[]): string {
  const [fromHeight, fromWidth] = [t.size(x, 2), t.size(x, 3)];
  if (fromHeight === height && fromWidth === width) return x;
  if (fromHeight % height === 0 && fromWidth % width === 0) {
    const kernel = [fromHeight / height, fromWidth / width];
    return t.op('AveragePool', [x], { kernel_shape: kernel, strides: kernel });
  }
  const kept = t.slice(t.shapeOf(x), [{ axis: 0, start: 0, end: 2 }]);
  // Sizes rather than scales, whose product rounding may put below the whole number.
  const sizes = t.op('Concat', [kept, t.int64s([height, width])], { axis: 0 });
  return t.op('Resize', [x, '', '', sizes], { mode: 'linear', coordinate_transformation_mode: 'half_pixel' });
}
