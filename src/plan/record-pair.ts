/** Lets both models of a future cascade answer every labelled image once. */
import { SkeinError } from '../base/index.ts';
import type { Batch, Dataset } from '../data/index.ts';
import type { Engine } from '../runtime/index.ts';
import { formatShape } from '../tensor/index.ts';
import type { PairRecord } from './calibrate.ts';
import { matchClasses } from './class-order.ts';
import { argmax, confidenceOf } from './confidence.ts';
import { type OpenPlan, openPlan } from './open-plan.ts';
import type { Plan } from './plan.ts';
import type { Predictor } from './predictor.ts';
import { RunTimes } from './run-times.ts';

export interface RecordedPair {
  readonly record: PairRecord;
  /** Milliseconds of one thread an image. */
  readonly smallMs: number;
  readonly bigMs: number;
}

/** Rows of one run: enough for full speed, few enough for many measurements. */
const BATCH = 32;

/**
 * Both are opened, asked and closed again.
 * @param onProgress told how many images are done
 * @throws SkeinError 'invalid-argument' if they do not take the same images and give the same classes, or the data has
 * other classes
 */
export async function recordPair(
  engine: Engine,
  small: Plan,
  big: Plan,
  data: Dataset,
  onProgress: (done: number) => void = () => {},
): Promise<RecordedPair> {
  checkAlike(small, big);
  const toModel = matchClasses(data.classNames, big.labels);
  const smallTimes = new RunTimes();
  const bigTimes = new RunTimes();
  const opened: OpenPlan[] = [];
  try {
    for (const [plan, times] of [
      [small, smallTimes],
      [big, bigTimes],
    ] as const) {
      opened.push(await openPlan(engine, plan, { maxBatch: BATCH, onRun: times.add }));
    }
    const [smallPlan, bigPlan] = opened as [OpenPlan, OpenPlan];
    const parts: PairRecord[] = [];
    let done = 0;
    const answer = async (batch: Batch): Promise<PairRecord> => {
      const [first, second] = await Promise.all([
        judge(smallPlan.predictor, batch, toModel),
        judge(bigPlan.predictor, batch, toModel),
      ]);
      done += batch.count;
      onProgress(done);
      return {
        confidence: first.confidence,
        bigConfidence: second.confidence,
        smallRight: first.right,
        bigRight: second.right,
      };
    };
    // As many batches at once as there are threads: each takes both models in turn.
    const running: Promise<PairRecord>[] = [];
    for await (const batch of data.batches(big.input, BATCH)) {
      running.push(answer(batch));
      if (running.length >= engine.workers) parts.push(await (running.shift() as Promise<PairRecord>));
    }
    parts.push(...(await Promise.all(running)));
    return {
      record: joined(parts),
      smallMs: smallTimes.msPerImage(done),
      bigMs: bigTimes.msPerImage(done),
    };
  } finally {
    for (const plan of opened) await plan.close();
  }
}

function checkAlike(small: Plan, big: Plan): void {
  const refuse = (what: string, ofSmall: string, ofBig: string, advice: string) =>
    new SkeinError(
      'invalid-argument',
      `Cannot pair '${small.name}' and '${big.name}': they must have the same ${what}, received ${ofSmall} and ${ofBig}: ${advice}`,
    );
  const { shape, mean, std } = big.input;
  const anew = {
    shape: `train one for the other's size, --shape ${shape.join()} as '${big.name}' has`,
    mean: `train one as the other, with --mean ${mean.join()} --std ${std.join()} as '${big.name}' has`,
  };
  for (const key of ['shape', 'mean', 'std'] as const) {
    const [a, b] = [small.input[key], big.input[key]];
    if (a.join() !== b.join()) throw refuse(key, formatShape(a), formatShape(b), anew[key === 'shape' ? key : 'mean']);
  }
  if (small.labels.join('\n') !== big.labels.join('\n')) {
    throw refuse(
      'labels',
      `${small.labels.length} (${small.labels[0]}, …)`,
      `${big.labels.length} (${big.labels[0]}, …)`,
      'train both on the same classes, or name them alike with --labels',
    );
  }
}

async function judge(
  predictor: Predictor,
  batch: Batch,
  toModel: Int32Array,
): Promise<{ confidence: Float64Array; right: Uint8Array }> {
  const { data } = await predictor.predict(batch);
  const { classes, scale } = predictor;
  const confidence = new Float64Array(batch.count);
  const right = new Uint8Array(batch.count);
  for (let row = 0; row < batch.count; row++) {
    confidence[row] = confidenceOf(data, row * classes, classes, scale);
    right[row] = argmax(data, row * classes, classes) === toModel[batch.labels[row] as number] ? 1 : 0;
  }
  return { confidence, right };
}

function joined(parts: readonly PairRecord[]): PairRecord {
  return {
    confidence: Float64Array.from(parts.flatMap(({ confidence }) => [...confidence])),
    bigConfidence: Float64Array.from(parts.flatMap(({ bigConfidence }) => [...bigConfidence])),
    smallRight: Uint8Array.from(parts.flatMap(({ smallRight }) => [...smallRight])),
    bigRight: Uint8Array.from(parts.flatMap(({ bigRight }) => [...bigRight])),
  };
}
