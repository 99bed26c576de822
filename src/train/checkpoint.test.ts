import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skein-checkpoint-'));
  path = join(folder, 'a.checkpoint');
});
afterAll(() => rm(folder, { recursive: true }));

const CHECKPOINT: Checkpoint = {
  progress: {
    epoch: 3,
    batch: 17,
    step: 407,
    images: 2176,
    loss: 1234.5678901234567,
    correct: 999,
    best: { epoch: 2, accuracy: 0.75, loss: 0.5 },
  },
  epochs: 5,
  settings: { words: { rate: '0.1', 'optimizer.kind': 'sgd' }, digests: { step: 'abc' } },
  vectors: new Map([
    ['state.parameters', Float32Array.of(1.1, -0, Number.MIN_VALUE, 3e38, 2 ** -149)],
    ['state.empty', new Float32Array()],
    // A view that does not begin where its buffer does.
    ['state.velocity', Float32Array.of(0, 5, 6, 7).subarray(1, 3)],
  ]),
};

describe('a checkpoint', () => {
  it('is read as it was written', async () => {
    await writeCheckpoint(path, CHECKPOINT);
    const read = await readCheckpoint(path);
    expect(read.progress).toEqual(CHECKPOINT.progress);
    expect(read).toMatchObject({ epochs: 5, settings: CHECKPOINT.settings });
    expect([...read.vectors.keys()]).toEqual([...CHECKPOINT.vectors.keys()]);
    for (const [name, vector] of CHECKPOINT.vectors) expect(read.vectors.get(name)).toEqual(vector);
    expect(Object.is(read.vectors.get('state.parameters')?.[1], -0)).toBe(true);
  });

  it('keeps a loss that is infinite', async () => {
    const progress = { ...CHECKPOINT.progress, loss: Number.POSITIVE_INFINITY };
    await writeCheckpoint(path, { ...CHECKPOINT, progress });
    expect((await readCheckpoint(path)).progress).toEqual(progress);
  });

  it('that was cut off anywhere is refused', async () => {
    await writeCheckpoint(path, CHECKPOINT);
    const bytes = await readFile(path);
    const cut = join(folder, 'cut.checkpoint');
    for (let length = 0; length < bytes.length; length++) {
      await writeFile(cut, bytes.subarray(0, length));
      await expect(readCheckpoint(cut), `${length} bytes`).rejects.toMatchObject({ code: 'corrupt' });
    }
    await writeFile(cut, Buffer.concat([bytes, Buffer.of(0)]));
    await expect(readCheckpoint(cut)).rejects.toThrow(
      `Cannot read checkpoint '${cut}': it should have ${bytes.length} bytes, it has ${bytes.length + 1}; put a whole copy in its place, or remove it and begin anew`,
    );
  });

  it('of which a single bit has changed anywhere is refused', async () => {
    await writeCheckpoint(path, CHECKPOINT);
    const bytes = await readFile(path);
    const flipped = join(folder, 'flipped.checkpoint');
    for (let at = 0; at < bytes.length; at++) {
      await writeFile(
        flipped,
        bytes.map((byte, i) => (i === at ? byte ^ (1 << (at % 8)) : byte)),
      );
      const error = await readCheckpoint(flipped).catch((thrown) => thrown);
      expect(error, `byte ${at}`).toMatchObject({ name: 'SkeinError', code: 'corrupt' });
      expect(error.message).toMatch(
        /^Cannot read checkpoint '.*flipped\.checkpoint': [^\n]+; put a whole copy in its place, or remove it and begin anew$/,
      );
    }
  });

  it.each([
    ['another file', 'PK\u0003\u0004'],
    ['another version', 'skein checkpoint 1\n{}\n'],
    ['no JSON', 'skein checkpoint 2\n{"progress":\n'],
    ['JSON of something else', 'skein checkpoint 2\n{"a":1}\n'],
    ['JSON that is no object', 'skein checkpoint 2\nnull\n'],
    [
      'sizes that are none',
      'skein checkpoint 2\n{"progress":{"epoch":0,"batch":0,"step":0,"images":0,"loss":0,"correct":0},"epochs":1,"settings":"","vectors":[["a",-1],["b",1]]}\n',
    ],
  ])('that is %s is refused in one line', async (_, text) => {
    await writeFile(path, text);
    const error = await readCheckpoint(path).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: 'SkeinError', code: 'corrupt' });
    expect(error.message).toMatch(/^Cannot read checkpoint '.*a\.checkpoint': [^\n]+$/);
  });

  it('that is not there is named', async () => {
    const missing = join(folder, 'none');
    await expect(readCheckpoint(missing)).rejects.toThrow(`Cannot read checkpoint '${missing}': there is no such file`);
  });
});
