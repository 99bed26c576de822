/** Small classifiers for end-to-end tests, written to a folder: untrained, but each image has its own scores. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeModel } from '../src/onnx/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';

export const SMALL_SHAPE = [3, 8, 8] as const;
export const SMALL_SIZE = 3 * 8 * 8;

export interface SmallModelOptions {
  readonly seed?: number;
  readonly classes?: number;
  /** Convolutions in a row, so that it can be made slow. */
  readonly layers?: number;
  readonly channels?: number;
  /** Leaves the batch open where absent. */
  readonly batch?: number;
  readonly softmax?: boolean;
}

export async function writeSmallModel(path: string, options: SmallModelOptions = {}): Promise<string> {
  const b = new GraphBuilder({ seed: options.seed ?? 1 });
  let x = b.input('input', 'float32', [options.batch ?? 'batch', ...SMALL_SHAPE]);
  for (let i = 0; i < (options.layers ?? 1); i++) {
    x = b.relu(b.conv(x, { out: options.channels ?? 8, kernel: 3, padding: 1 }));
  }
  const scores = b.linear(b.flatten(b.globalAveragePool(x)), { out: options.classes ?? 4 });
  b.output(options.softmax ? 'probabilities' : 'logits', options.softmax ? b.softmax(scores) : scores);
  await mkdir(dirname(path), { recursive: true });
  await writeModel(b.build(), path);
  return path;
}

/** An image that differs from that of every other number. */
export function smallImage(number: number): Float32Array {
  return Float32Array.from({ length: SMALL_SIZE }, (_, i) => Math.sin(number * 12.9898 + i * 0.618));
}
