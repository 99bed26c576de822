/**
 * The models and images that are measured: the trained ones of ../shared where they are, else networks of the same shapes
 * with random weights and drawn images (drawn-material.ts), which tell as much about speed and nothing about accuracy.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { openData, type Preprocessing } from '../../src/data/index.ts';
import { sharedDir } from '../../test/shared.ts';
import { runScript } from './child.ts';
import { drawMaterial } from './drawn-material.ts';

/** The command line, seen from child.ts. */
export const SKEIN = '../../src/cli/main.js';

export interface Material {
  readonly small: string;
  readonly big: string;
  readonly preprocessing: Preprocessing;
  readonly classes: readonly string[];
  /** Labelled image files. */
  readonly data: string;
  readonly images: number;
  /** Why the accuracies mean nothing; undefined where they do. */
  readonly note?: string;
  /** Makes the cascade of small and big; gives the path of its plan.json. */
  readonly pair: () => Promise<string>;
}

/** The name under which a file is served. */
export function servedName(file: string): string {
  return basename(file) === 'plan.json' ? basename(dirname(file)) : basename(file).replace(/\.onnx$/, '');
}

/** What is made for it lies in a temporary folder that goes with this process. */
export async function openMaterial(): Promise<Material> {
  const folder = await mkdtemp(join(tmpdir(), 'skein-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return sharedDir === undefined ? drawMaterial(folder) : sharedMaterial(sharedDir, folder);
}

async function sharedMaterial(shared: string, folder: string): Promise<Material> {
  const models = join(shared, 'models');
  const images = join(shared, 'data', 'cifar10-jpeg');
  const { input, labels } = JSON.parse(await readFile(join(models, 'models.json'), 'utf8')) as {
    input: Preprocessing;
    labels: string[];
  };
  const small = join(models, 'resnet20.onnx');
  const big = join(models, 'resnet56.onnx');
  const data = join(images, 'test.tar');
  const opened = await openData(data);
  await opened.close();
  return {
    small,
    big,
    preprocessing: { shape: input.shape, mean: input.mean, std: input.std },
    classes: labels,
    data,
    images: opened.size,
    pair: async () => {
      const cascade = join(folder, 'cascade');
      await runScript(SKEIN, [
        'pair',
        small,
        big,
        '--data',
        join(images, 'val.tar'),
        '--name',
        'cascade',
        '-o',
        cascade,
      ]);
      return join(cascade, 'plan.json');
    },
  };
}
