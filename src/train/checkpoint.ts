/**
 * Everything that training needs to go on as if it had never stopped: its vectors and how far it was. A file of one line
 * that says what it is, one line of JSON, the vectors' float32 elements one after another (little-endian), and the
 * SHA-256 of all that.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf, SkeinError, writeFileAtomically } from '../base/index.ts';
import type { RunSettings } from './run-settings.ts';

export interface Progress {
  /** Epochs that are done. */
  readonly epoch: number;
  /** Batches of the next one that are done. */
  readonly batch: number;
  /** Steps in all. */
  readonly step: number;
  /** Sums over the epoch so far. */
  readonly images: number;
  readonly loss: number;
  readonly correct: number;
  /** The best epoch so far by its accuracy on the validation images, of equal ones that of the lower loss. */
  readonly best?: { readonly epoch: number; readonly accuracy: number; readonly loss: number };
}

export interface Checkpoint {
  readonly progress: Progress;
  /** How many the run was to have. */
  readonly epochs: number;
  /** What the numbers depend on besides. */
  readonly settings: RunSettings;
  readonly vectors: ReadonlyMap<string, Float32Array>;
}

const MAGIC = 'skein checkpoint 3\n';
const DIGEST_BYTES = 32;

const WAY_OUT = 'put a whole copy in its place, or remove it and begin anew';

export async function writeCheckpoint(path: string, { vectors, ...rest }: Checkpoint): Promise<void> {
  const sizes = [...vectors].map(([name, { length }]) => [name, length] as const);
  // The sum over an epoch may be infinite, for which JSON has no number.
  const { loss } = rest.progress;
  const progress = { ...rest.progress, loss: Number.isFinite(loss) ? loss : String(loss) };
  const head = Buffer.from(`${MAGIC}${JSON.stringify({ ...rest, progress, vectors: sizes })}\n`);
  const bytes = [...vectors.values()].map(
    (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );
  await writeFileAtomically(path, [head, ...bytes, digestOf([head, ...bytes])]);
}

function digestOf(parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** @throws SkeinError 'not-found', or 'corrupt' for a file that is no checkpoint, is cut off or has changed */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new SkeinError('not-found', `Cannot read checkpoint '${path}': ${why}`, { cause: error });
  });
  const corrupt = (what: string): SkeinError =>
    new SkeinError('corrupt', `Cannot read checkpoint '${path}': ${what}; ${WAY_OUT}`);
  if (file.toString('latin1', 0, MAGIC.length) !== MAGIC) throw corrupt('it is no checkpoint of this version of Skein');
  const end = file.indexOf('\n', MAGIC.length);
  if (end < 0) throw corrupt('it is cut off');
  const head = parseHead(file.toString('utf8', MAGIC.length, end));
  if (typeof head === 'string') throw corrupt(head);
  const floats = head.vectors.reduce((sum, [, length]) => sum + length, 0);
  const covered = end + 1 + 4 * floats;
  const expected = covered + DIGEST_BYTES;
  if (file.length !== expected) throw corrupt(`it should have ${expected} bytes, it has ${file.length}`);
  if (!file.subarray(covered).equals(digestOf([file.subarray(0, covered)])))
    throw corrupt('its bytes are not those that were written');
  const all = new Float32Array(floats);
  new Uint8Array(all.buffer).set(file.subarray(end + 1, covered));
  let at = 0;
  const vectors = new Map<string, Float32Array>();
  for (const [name, length] of head.vectors) {
    vectors.set(name, all.subarray(at, at + length));
    at += length;
  }
  const { best, ...progress } = head.progress;
  const { epochs, settings } = head;
  return { progress: { ...progress, ...(best === undefined ? {} : { best }) }, epochs, settings, vectors };
}

const whole = z.int().nonnegative();
const headSchema = z.object({
  progress: z.object({
    epoch: whole,
    batch: whole,
    step: whole,
    images: whole,
    loss: z.union([z.number(), z.enum(['Infinity', '-Infinity', 'NaN']).transform(Number)]),
    correct: z.number(),
    best: z.object({ epoch: whole, accuracy: z.number(), loss: z.number() }).optional(),
  }),
  epochs: whole,
  settings: z.object({ words: z.record(z.string(), z.string()), digests: z.record(z.string(), z.string()) }),
  vectors: z.array(z.tuple([z.string(), whole])),
});

/** @returns what is wrong where it is none */
function parseHead(text: string): z.infer<typeof headSchema> | string {
  try {
    const { data, error } = headSchema.safeParse(JSON.parse(text));
    return data ?? `its second line is off at '${error?.issues[0]?.path.join('.')}'`;
  } catch (error) {
    return messageOf(error);
  }
}
