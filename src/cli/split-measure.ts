/** What the parts of `skein split` say and cost. */
import type { Dataset } from '../data/index.ts';
import type { Model } from '../graph/index.ts';
import type { RecordedPart } from '../split/index.ts';
import { type SplitContext, type SplitPart, stopIf } from './split-context.ts';
import type { PartReport } from './split-report.ts';

/** What the parts say of the held-out images. */
export async function record(
  { meter, preprocessing, output, signal }: SplitContext,
  parts: readonly SplitPart[],
  data: Dataset,
): Promise<RecordedPart[]> {
  const { recordPart } = await import('../split/index.ts');
  const progress = output.progress('held-out images answered', parts.length * data.size, { exitOnInterrupt: false });
  try {
    const recorded: RecordedPart[] = [];
    for (const [i, { model, classes }] of parts.entries()) {
      const onImages = (done: number): void => {
        stopIf(signal);
        progress.update(i * data.size + done);
      };
      recorded.push(await recordPart(meter, model, classes, data, preprocessing, { onImages }));
    }
    return recorded;
  } finally {
    progress.end();
  }
}

/** Costs of all, with latencies taken in turns. */
export async function measure(
  { meter, preprocessing: { shape }, training }: SplitContext,
  base: Model,
  parts: readonly SplitPart[],
  recorded: readonly RecordedPart[],
) {
  const { inputShapesOf } = await import('../compress/index.ts');
  const { costOf } = await import('../ops/index.ts');
  const { ownAccuracy } = await import('../split/index.ts');
  const models = [base, ...parts.map(({ model }) => model)];
  const latencies = await meter.latenciesMs(models, { shape });
  const [before, ...ofParts] = models.map((model, i) => {
    const { params, macs } = costOf(model, { inputShapes: inputShapesOf(model, shape) });
    return { params, macs, latencyMs: latencies[i] as number };
  });
  return {
    before: before as NonNullable<typeof before>,
    parts: parts.map(
      ({ classes, name }, i): PartReport => ({
        classes: classes.map((c) => training.classNames[c] ?? ''),
        model: `${name}.onnx`,
        ...(ofParts[i] as NonNullable<typeof before>),
        top1: ownAccuracy(recorded[i] as RecordedPart),
      }),
    ),
  };
}
