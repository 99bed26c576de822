/** A network and drawn images that train in a moment, for tests of training. */
import type { Dataset } from '../src/data/index.ts';
import { openData } from '../src/data/index.ts';
import type { Model } from '../src/graph/index.ts';
import { GraphBuilder } from '../src/ops/index.ts';
import { type Checkpoint, Trainer, type TrainerOptions } from '../src/train/index.ts';

export interface SmallNetworkOptions {
  readonly dropout?: boolean;
  readonly batch?: number;
  readonly outputs?: number;
}

/** Convolution, batch normalisation, pooling, and a linear layer, on images of 3×8×8. */
export function smallNetwork({ dropout = false, batch, outputs = 10 }: SmallNetworkOptions = {}): Model {
  const b = new GraphBuilder({ seed: 3 });
  const x = b.input('input', 'float32', [batch ?? 'batch', 3, 8, 8]);
  let y = b.relu(b.batchNorm(b.conv(x, { out: 6, kernel: 3, padding: 1, bias: false })));
  y = b.flatten(b.averagePool(y, { kernel: 4, stride: 4 }));
  if (dropout) y = b.dropout(y, 0.4);
  b.output('logits', b.linear(y, { out: outputs }));
  return b.build();
}

/** Ten classes. */
export function smallImages(limit = 50): Promise<Dataset> {
  return openData('shapes', { limit, split: 'train' });
}

/** Two epochs of five steps. */
export function smallOptions(training: Dataset): TrainerOptions {
  return {
    model: smallNetwork(),
    training,
    preprocessing: { shape: [3, 8, 8], mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
    optimizer: { kind: 'sgd', weightDecay: 1e-3 },
    loss: 'cross-entropy',
    schedule: 'cosine',
    rate: 0.05,
    epochs: 2,
    batch: 10,
    seed: 7,
    threads: 1,
  };
}

/** Trains to the end, or until `stopAfter` steps are done. */
export async function trainSmall(
  images: Dataset,
  more: Partial<TrainerOptions> = {},
  from?: Checkpoint,
  stopAfter?: number,
): Promise<Checkpoint> {
  const trainer = new Trainer({ ...smallOptions(images), ...more });
  const stop = new AbortController();
  try {
    await trainer.open(from);
    await trainer.run({
      signal: stop.signal,
      onStep: ({ step }) => {
        if (step === stopAfter) stop.abort();
      },
    });
    return await trainer.checkpoint();
  } finally {
    await trainer.close();
  }
}

/** The bytes of each vector, as text to compare. */
export function vectorBytes({ vectors }: Checkpoint): Record<string, string> {
  return Object.fromEntries(
    [...vectors].map(([name, { buffer, byteOffset, byteLength }]) => [
      name,
      Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
    ]),
  );
}
