/** What a classifier sees in the images of each class: the mean of what its last layer reads. */
import { SkeinError } from '../../base/index.ts';
import type { Meter, ObserveOptions } from '../../compress/index.ts';
import type { Dataset, Preprocessing } from '../../data/index.ts';
import type { Model } from '../../graph/index.ts';
import { elementCount, type Shape } from '../../tensor/index.ts';
import { classifierHead } from '../../transforms/index.ts';

/**
 * By class; of maps the mean over places, too.
 * @throws SkeinError 'invalid-argument' for a class without images, 'unsupported' as `classifierHead` does
 */
export async function classFeatures(
  meter: Meter,
  model: Model,
  data: Dataset,
  preprocessing: Preprocessing,
  options: ObserveOptions = {},
): Promise<Float64Array[]> {
  const { features } = classifierHead(model);
  const counts = new Float64Array(data.classNames.length);
  let sums: Float64Array[] = [];
  for await (const { count, labels, values } of meter.observe(model, [features], data, preprocessing, options)) {
    const { dims, data: seen } = values.get(features) as { dims: Shape; data: Float32Array };
    const size = dims[1] ?? 1;
    const places = elementCount(dims.slice(2));
    if (sums.length === 0) sums = data.classNames.map(() => new Float64Array(size));
    for (let row = 0; row < count; row++) {
      const label = labels[row] as number;
      const own = sums[label] as Float64Array;
      counts[label] = (counts[label] as number) + 1;
      for (let i = 0; i < size * places; i++) {
        const channel = Math.floor(i / places);
        own[channel] = (own[channel] as number) + (seen[row * size * places + i] as number) / places;
      }
    }
  }
  const missing = data.classNames.find((_, c) => counts[c] === 0);
  if (missing !== undefined)
    throw new SkeinError(
      'invalid-argument',
      `Cannot group the classes of '${data.source}': '${missing}' has no images`,
    );
  return sums.map((sum, c) => sum.map((each) => each / (counts[c] as number)));
}
