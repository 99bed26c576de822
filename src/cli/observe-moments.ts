/** Looking at training images for what flows into the layers of a model, shown while it goes on. */
import type { MomentOptions } from '../compress/index.ts';
import type { Model } from '../graph/index.ts';
import type { InputMoments } from '../transforms/index.ts';
import { definedOnly } from './command.ts';
import type { CompressionContext } from './compression.ts';

/** Of the inputs of layers, by layer. */
export type Moments = ReadonlyMap<string, InputMoments>;

/** @throws SkeinError as `observeInputMoments` */
export async function observeMoments(
  { meter, training, preprocessing, signal, output }: CompressionContext,
  model: Model,
  { images, seed }: Pick<MomentOptions, 'images' | 'seed'>,
): Promise<Moments> {
  const { observeInputMoments } = await import('../compress/index.ts');
  let progress: ReturnType<typeof output.progress> | undefined;
  try {
    return await observeInputMoments(model, meter, training, preprocessing, {
      ...definedOnly({ images, seed }),
      signal,
      onImages: (done, all) => {
        progress ??= output.progress('images looked at', all, { exitOnInterrupt: false });
        progress.update(done);
      },
    });
  } finally {
    progress?.end();
  }
}
