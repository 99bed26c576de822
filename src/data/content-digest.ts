/**
 * Whether images are those of another time, without reading all of them: the labels, the size of every file, and the bytes
 * of a thousand images spread evenly over the whole. A file that changed but not in size is found if it is among these.
 */
import { createHash } from 'node:crypto';
import type { Examples } from './source.ts';

/** Images whose bytes are read at most. */
const READ = 1000;
/** Files under way at a time: a process may not have many open. */
const AT_ONCE = 64;

/** SHA-256 as hexadecimal digits. An image that cannot be read counts as an empty one. */
export async function contentDigest({ labels, images }: Examples): Promise<string> {
  const hash = createHash('sha256').update(labels);
  const size = labels.length;
  const read = Math.min(size, READ);
  const spread = Array.from({ length: read }, (_, k) => Math.floor((k * size) / read));
  if (images.kind === 'files') {
    const all = Array.from(labels, (_, i) => i);
    for (const part of parts(all)) {
      hash.update(Float64Array.from(await Promise.all(part.map((i) => images.sizeBytes(i).catch(() => 0)))));
    }
  } else hash.update(images.shape.join('x'));
  for (const part of parts(spread)) {
    const bytes =
      images.kind === 'files'
        ? await Promise.all(part.map((i) => images.read(i).catch(() => new Uint8Array())))
        : ((await images.make?.(part)) ?? part.map((i) => images.pixels(i)));
    for (const each of bytes) hash.update(each);
  }
  return hash.digest('hex');
}

function parts(indices: readonly number[]): number[][] {
  return Array.from({ length: Math.ceil(indices.length / AT_ONCE) }, (_, i) =>
    indices.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
  );
}
