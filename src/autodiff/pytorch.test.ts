/** The gradients of a real model against PyTorch's for the same batch, in both modes. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { feed, runModel } from '../../test/run-onnx.ts';
import { sharedDir } from '../../test/shared.ts';
import { readModel } from '../onnx/index.ts';
import { gradientModel, gradientOutput, updatedOutput } from './gradient-model.ts';

interface Reference {
  readonly labels: readonly number[];
  readonly modes: Readonly<Record<'eval' | 'train', { readonly loss: number }>>;
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly offset: number }[];
}

const folder = `${sharedDir}/reference/resnet20-gradients`;

/** ‖a − b‖ / ‖b‖ */
function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += ((a[i] ?? Number.NaN) - (b[i] as number)) ** 2;
    norm += (b[i] as number) ** 2;
  }
  return Math.sqrt(difference / norm);
}

describe.skipIf(sharedDir === undefined)("gradientModel() of ResNet-20 equals PyTorch's", () => {
  it.each([
    ['eval', 1e-4],
    ['train', 1e-3],
  ] as const)('in mode %s', async (mode, bound) => {
    const reference: Reference = JSON.parse(readFileSync(`${folder}.json`, 'utf8'));
    const bytes = readFileSync(`${folder}.bin`);
    const tensors = new Map(
      reference.tensors.map(({ name, shape, offset }) => {
        const size = shape.reduce((product, dim) => product * dim, 1);
        return [
          name,
          new Float32Array(bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + size * 4)),
        ];
      }),
    );
    const model = gradientModel(await readModel(`${sharedDir}/models/resnet20.onnx`), { loss: 'cross-entropy', mode });
    const outputs = await runModel(model, {
      input: feed('float32', tensors.get('input') as Float32Array, [8, 3, 32, 32]),
      labels: feed('int64', BigInt64Array.from(reference.labels, BigInt), [8]),
    });
    const given = (name: string) => outputs[name]?.data as Float32Array;

    expect(given('loss')[0]).toBeCloseTo(reference.modes[mode].loss, 5);
    const compared = new Set<string>();
    for (const [name, expected] of tensors) {
      const [of, kind, ...rest] = name.split('/');
      if (of !== mode || kind === undefined) continue;
      const ours = { logits: 'logits', grad: gradientOutput(rest[0] ?? ''), updated: updatedOutput(rest[0] ?? '') }[
        kind
      ];
      expect(relativeError(given(ours as string), expected), name).toBeLessThan(bound);
      compared.add(ours as string);
    }
    // Every output was compared, and nothing is missing.
    expect(Object.keys(outputs).filter((name) => name !== 'loss' && !compared.has(name))).toEqual([]);
    expect(compared.size).toBe(reference.tensors.filter(({ name }) => name.startsWith(`${mode}/`)).length);
  });
});
