/**
 * One image at a time, and as many as there is room for, with all cores at work, in process: a server adds the same to each.
 * A single model has a thread a core in one worker for one image; for many it has that or a worker a core, whichever answers
 * more. Parts have a worker of one thread a core. All rows take turns.
 */
import { mean, median } from '../../src/base/index.ts';
import { openData } from '../../src/data/index.ts';
import {
  type ImageBatch,
  measureThroughput,
  modelsOf,
  type OpenPlan,
  openPlan,
  type Plan,
} from '../../src/plan/index.ts';
import { Engine, usableCores } from '../../src/runtime/index.ts';

export interface AtWork {
  /** Milliseconds of one image, the mean over images as they come: a cascade answers some at once. */
  readonly oneImageMs: number;
  /** Images a second. */
  readonly throughput: number;
}

/** Images of the held-out set. */
const IMAGES = 256;
/** One by one, in a round. */
const ONE_BY_ONE = 100;
const THROUGHPUT_MS = 150;
/** Its rounds take longest, and it varies least. */
const THROUGHPUT_ROUNDS = 3;

interface Contestant {
  readonly one: OpenPlan;
  readonly many: readonly { readonly open: OpenPlan; readonly workers: number }[];
}

/** @param data words of `--data` for the images */
export async function onAllCores(plans: readonly Plan[], data: readonly string[], rounds: number): Promise<AtWork[]> {
  const cores = usableCores();
  const engines: Engine[] = [];
  const open = async (plan: Plan, workers: number, threads: number): Promise<OpenPlan> => {
    const engine = new Engine({ workers, threads });
    engines.push(engine);
    return openPlan(engine, plan);
  };
  try {
    const images = await imagesFor(plans[0] as Plan, data);
    const contestants: Contestant[] = [];
    for (const plan of plans) {
      const spread = await open(plan, cores, 1);
      const isSingle = [...modelsOf(plan.root)].length === 1;
      const one = isSingle ? await open(plan, 1, cores) : spread;
      const many = [{ open: spread, workers: cores }, ...(isSingle ? [{ open: one, workers: 1 }] : [])];
      contestants.push({ one, many });
    }
    const latencies = await inRounds(rounds, contestants, ({ one }) => meanMs(one, images));
    const throughputs = await inRounds(Math.min(rounds, THROUGHPUT_ROUNDS), contestants, async ({ many }) => {
      const found: number[] = [];
      for (const { open: each, workers } of many) {
        found.push((await measureThroughput(each.predictor, images, workers, THROUGHPUT_MS)).throughput);
      }
      return Math.max(...found);
    });
    return plans.map((_, i) => ({ oneImageMs: latencies[i] as number, throughput: throughputs[i] as number }));
  } finally {
    await Promise.all(engines.map((engine) => engine.close()));
  }
}

/** The median of each, forwards and backwards in turn. */
async function inRounds(
  rounds: number,
  contestants: readonly Contestant[],
  measure: (contestant: Contestant) => Promise<number>,
): Promise<number[]> {
  const found = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...contestants.entries()];
    for (const [i, each] of round % 2 === 0 ? order : order.toReversed()) found[i]?.push(await measure(each));
  }
  return found.map(median);
}

async function meanMs({ predictor }: OpenPlan, images: ImageBatch): Promise<number> {
  const size = images.data.length / images.count;
  const one = (i: number): ImageBatch => ({ count: 1, data: images.data.subarray(i * size, (i + 1) * size) });
  const count = Math.min(ONE_BY_ONE, images.count);
  // What was idle wakes up.
  for (let i = 0; i < Math.min(5, count); i++) await predictor.predict(one(i));
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await predictor.predict(one(i));
    times.push(performance.now() - start);
  }
  return mean(times);
}

async function imagesFor({ input }: Plan, [, source, ...words]: readonly string[]): Promise<ImageBatch> {
  const [, split] = words;
  const data = await openData(source as string, { limit: IMAGES, ...(split !== undefined && { split }) });
  try {
    for await (const { count, data: values } of data.batches(input, data.size)) return { count, data: values.slice() };
    throw new Error(`there are no images in '${source}'`);
  } finally {
    await data.close();
  }
}
