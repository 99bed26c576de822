/** Few of the drawn images, in CIFAR-10's binary files: for processes that would draw thousands of them first. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openData } from '../src/data/index.ts';

/**
 * Writes a folder whose splits `train` and `test` hold those of `count` images each that are of the first `classes`; of all
 * unless told.
 */
export async function writeSmallShapes(folder: string, count: number, classes?: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [split, file] of [
    ['train', 'data_batch_1.bin'],
    ['test', 'test_batch.bin'],
  ] as const) {
    const data = await openData('shapes', { split, limit: count });
    const names = data.classNames.slice(0, classes);
    const all = Array.from({ length: count }, (_, i) => i).filter((i) => data.label(i) < names.length);
    const records = [...(await data.pixels(all, [3, 32, 32]))].flatMap(([i, pixels]) => [
      Uint8Array.of(data.label(i)),
      pixels,
    ]);
    await writeFile(join(folder, file), Buffer.concat(records));
    await writeFile(join(folder, 'batches.meta.txt'), names.join('\n'));
    await data.close();
  }
}
