/** A model before and after, measured side by side, so that "smaller but not faster" cannot hide. */
import type { Meter } from '../compress/index.ts';
import type { Dataset, ImageShape } from '../data/index.ts';
import { definedOnly, type ModelOptions, type Output } from './command.ts';
import { bytes, count, formatTable, ms, percent } from './table.ts';

export interface Measured {
  /** Fraction of 1. */
  readonly top1: number;
  readonly params: number;
  /** An image. */
  readonly macs: number;
  /** Of the file. */
  readonly bytes: number;
  /** Of one image on one thread, inside ONNX Runtime; both models take turns. */
  readonly latencyMs: number;
  /** Images a second at the best batch size, on all cores. */
  readonly throughput: number;
}

export interface Comparison {
  readonly before: Measured;
  readonly after: Measured;
  /** Images that the accuracies are of. */
  readonly samples: number;
  readonly source: string;
}

interface Surroundings {
  readonly meter: Meter;
  /** What the file of the one before does not say. */
  readonly flags: ModelOptions;
  /** Of the images of the one after. */
  readonly shape: ImageShape;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/**
 * Evaluates both files on the same images.
 * @param before may take what its file does not say from the flags; `after` says it itself
 * @throws SkeinError 'cancelled' on the signal
 */
export async function measureBoth(
  before: string,
  after: string,
  data: Dataset,
  { meter, flags, shape: ofAfter, output, signal }: Surroundings,
): Promise<Comparison> {
  const { evaluate, openServable } = await import('../plan/index.ts');
  const { readModel } = await import('../onnx/index.ts');
  const { Engine } = await import('../runtime/index.ts');
  const { labels, mean, std, shape } = flags;
  const overrides = definedOnly({ labels, mean, std, shape });
  const plans = [await openServable(before, overrides), await openServable(after, { shape: ofAfter })];
  const models = await Promise.all([before, after].map(readModel));
  const engine = new Engine();
  const progress = output.progress('images measured', 2 * data.size, { exitOnInterrupt: false });
  try {
    const reports = [];
    for (const [i, { plan }] of plans.entries()) {
      // Where nothing told the labels before, they are the data's.
      const named = i === 0 ? { ...plan, labels: plans[1]?.plan.labels ?? plan.labels } : plan;
      reports.push(
        await evaluate(engine, named, data, { signal, onProgress: (done) => progress.update(done + i * data.size) }),
      );
    }
    const latencies = await meter.latenciesMs(models, definedOnly({ shape: plans[0]?.plan.input.shape }));
    const [first, second] = reports.map(
      ({ top1, params, macs, bytes: size, throughput }, i): Measured => ({
        top1,
        params,
        macs,
        bytes: size,
        latencyMs: latencies[i] as number,
        throughput,
      }),
    ) as [Measured, Measured];
    return { before: first, after: second, samples: reports[0]?.samples ?? 0, source: data.source };
  } finally {
    progress.end();
    await engine.close();
  }
}

/** @param names of both, over their columns */
export function describeComparison(
  { before, after, samples, source }: Comparison,
  names: readonly [string, string] = ['before', 'after'],
): string[] {
  const right = 'right' as const;
  const times = (more: number, less: number): string => `${(more / less).toFixed(2)}x`;
  const points = 100 * (after.top1 - before.top1);
  const rows = [
    ['top-1', percent(before.top1, 2), percent(after.top1, 2), `${points > 0 ? '+' : ''}${points.toFixed(2)} points`],
    ['parameters', count(before.params), count(after.params), `${times(before.params, after.params)} fewer`],
    ['MACs an image', count(before.macs), count(after.macs), `${times(before.macs, after.macs)} fewer`],
    ['file', bytes(before.bytes), bytes(after.bytes), `${times(before.bytes, after.bytes)} smaller`],
    ['one image', ms(before.latencyMs), ms(after.latencyMs), `${times(before.latencyMs, after.latencyMs)} faster`],
    [
      'throughput',
      `${Math.round(before.throughput)} images/s`,
      `${Math.round(after.throughput)} images/s`,
      `${times(after.throughput, before.throughput)} more`,
    ],
  ];
  const columns = [
    { title: '' },
    { title: names[0], align: right },
    { title: names[1], align: right },
    { title: '', align: right },
  ];
  return [
    formatTable(columns, rows),
    `top-1 of ${samples} images of ${source}; one image on one thread, throughput on all cores`,
  ];
}
