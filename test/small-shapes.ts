/** Few of the drawn images, in CIFAR-10's binary files: for processes that would draw thousands of them first. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openData } from '../src/data/index.ts';

/** Writes a folder whose splits `train` and `test` hold `count` images each. */
export async function writeSmallShapes(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [split, file] of [
    ['train', 'data_batch_1.bin'],
    ['test', 'test_batch.bin'],
  ] as const) {
    const data = await openData('shapes', { split, limit: count });
    const all = Array.from({ length: count }, (_, i) => i);
    const records = [...(await data.pixels(all, [3, 32, 32]))].flatMap(([i, pixels]) => [
      Uint8Array.of(data.label(i)),
      pixels,
    ]);
    await writeFile(join(folder, file), Buffer.concat(records));
    await writeFile(join(folder, 'batches.meta.txt'), data.classNames.join('\n'));
    await data.close();
  }
}
