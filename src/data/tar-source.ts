/**
 * A `.tar` or `.tar.gz` of images, `class/image` or `split/class/image`. The archive is read once and its images stay in
 * memory as the files that they are; nothing is written to disk.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import { messageOf, SkeinError } from '../base/index.ts';
import { classTree, isHidden, isImagePath } from './class-tree.ts';
import type { Source } from './source.ts';

const READ_BYTES = 1 << 20;
const BLOCK_BYTES = 512;

/**
 * @throws {SkeinError} 'corrupt' where the archive is damaged or cut off, 'invalid-argument' where it is not laid out so
 */
export async function tarSource(file: string): Promise<Source> {
  const subject = `Cannot read data '${file}'`;
  const { images, folders } = await readArchive(file, subject);
  const tree = classTree(subject, [...images.keys()], folders);
  return {
    splits: tree.splits,
    async open(split) {
      const files = tree
        .files(split)
        .map(({ path, label }) => ({ path, label, bytes: images.get(path) as Uint8Array }));
      const bytes = (i: number) => files[i]?.bytes as Uint8Array;
      return {
        classNames: tree.classNames,
        labels: Int32Array.from(files, (each) => each.label),
        images: { kind: 'files', bytes, read: async (i) => bytes(i), sizeBytes: async (i) => bytes(i).length },
        name: (i) => files[i]?.path as string,
      };
    },
  };
}

async function readArchive(
  file: string,
  subject: string,
): Promise<{ images: Map<string, Uint8Array>; folders: string[] }> {
  const images = new Map<string, Uint8Array>();
  const folders: string[] = [];
  const entries = extract();
  entries.on('entry', (header, stream, next) => {
    const path = header.name.replace(/^(\.?\/)+/, '').replace(/\/$/, '');
    const wanted = header.type === 'file' && isImagePath(path);
    if (header.type === 'directory' && path !== '' && !isHidden(path)) folders.push(path);
    const chunks: Uint8Array[] = [];
    stream.on('data', (chunk) => {
      if (wanted) chunks.push(chunk as Uint8Array);
    });
    // The archive's own error says the same, and is the one that is thrown.
    stream.on('error', () => {});
    stream.on('end', () => {
      if (wanted) images.set(path, chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks));
      next();
    });
  });

  let last: Uint8Array = new Uint8Array(0);
  const watchEnd = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      last =
        chunk.length >= BLOCK_BYTES
          ? chunk.subarray(-BLOCK_BYTES)
          : Buffer.concat([last, chunk]).subarray(-BLOCK_BYTES);
      done(null, chunk);
    },
  });
  try {
    const source = createReadStream(file, { highWaterMark: READ_BYTES });
    if (await isGzip(file)) await pipeline(source, createGunzip({ chunkSize: READ_BYTES }), watchEnd, entries);
    else await pipeline(source, watchEnd, entries);
  } catch (error) {
    throw new SkeinError('corrupt', `${subject}: expected a whole .tar or .tar.gz file: ${messageOf(error)}`, {
      cause: error,
    });
  }
  // An archive ends in zeros; one that was cut off between two files looks whole otherwise.
  if (last.some((byte) => byte !== 0)) {
    throw new SkeinError('corrupt', `${subject}: expected a whole .tar file, received one that is cut off`);
  }
  return { images, folders };
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}
