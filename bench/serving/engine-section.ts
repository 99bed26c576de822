/** Served throughput at saturation against the bare engine's best, and adaptive batching against batch size 1. */
import { usableCores } from '../../src/runtime/index.ts';
import type { DecodingCall, EngineCall, ThroughputCall } from '../processes/engine-process.ts';
import { inTurn, pairwise, spread } from '../report/rounds.ts';
import type { Row } from '../report/table.ts';
import { type BenchContext, type Section, withServer } from './bench-context.ts';
import { Child } from './child.ts';

const BATCHES = [1, 2, 4, 8, 16, 32];

interface Best {
  readonly workers: number;
  readonly threads: number;
  readonly batch: number;
}

export const engineSection: Section = async (context) => {
  const { options, material } = context;
  const { preprocessing } = material;
  const engine = new Child('../processes/engine-process.js');
  try {
    const best = await bestOfEngine(context, engine);
    const { workers, threads, batch } = best;
    await engine.call('open', { model: material.small, workers, threads, preprocessing } satisfies EngineCall);
    return await withServer(context.serve(material.small), async (server) => {
      const tensors = await context.load(server, { protocol: 'http', payload: 'tensor', limit: 1000 });
      const files = await context.load(server, { protocol: 'http', payload: 'image', limit: 1000 });
      const { connections, rounds, seconds } = options;
      const measured = await inTurn(rounds, {
        engine: () => engine.call<number>('throughput', { batch, seconds } satisfies ThroughputCall),
        tensors: async () => (await tensors.saturate(connections)).throughput,
        files: async () => (await files.saturate(connections)).throughput,
        decoding: () =>
          engine.call<number>('decodingThroughput', { batch, seconds, data: material.data } satisfies DecodingCall),
      });
      const rate = (values: readonly number[]) => `${spread(values).median.toFixed(0)} images/s`;
      const ratio = (ours: readonly number[], peer: readonly number[]) => pairwise(ours, peer, (a, b) => a / b);
      const setting = `${workers} × ${threads} thread${threads > 1 ? 's' : ''}, batch ${batch}`;
      const target = { at: 'least', value: 0.85 } as const;
      return [
        {
          measure: `ResNet-20 served, tensors, ${connections} connections : bare engine (${setting})`,
          ours: rate(measured.tensors),
          peer: rate(measured.engine),
          value: ratio(measured.tensors, measured.engine),
          target,
        },
        {
          measure: `ResNet-20 served, JPEG files, ${connections} connections : bare engine`,
          ours: rate(measured.files),
          peer: rate(measured.engine),
          value: ratio(measured.files, measured.engine),
          target,
        },
        {
          measure: 'the same : bare engine that decodes the JPEG files, too',
          ours: rate(measured.files),
          peer: rate(measured.decoding),
          value: ratio(measured.files, measured.decoding),
        },
      ] satisfies Row[];
    });
  } finally {
    await engine.close();
  }
};

/** Tries every way to use the cores with every batch size, then the most promising ones once more and longer. */
async function bestOfEngine({ options, material, log }: BenchContext, engine: Child): Promise<Best> {
  const cores = usableCores();
  const { preprocessing, small: model } = material;
  const measure = async ({ workers, threads, batch }: Best, seconds: number) => {
    await engine.call('open', { model, workers, threads, preprocessing } satisfies EngineCall);
    return engine.call<number>('throughput', { batch, seconds } satisfies ThroughputCall);
  };
  const tried: { setting: Best; rate: number }[] = [];
  for (const threads of new Set([1, cores])) {
    const workers = Math.floor(cores / threads);
    const first = tried.length;
    for (const batch of BATCHES) {
      const setting = { workers, threads, batch };
      tried.push({ setting, rate: await measure(setting, Math.min(1, options.seconds / 2)) });
    }
    const rates = tried.slice(first).map(({ setting, rate }) => `${setting.batch}: ${rate.toFixed(0)}`);
    log(`  bare engine, ${workers} × ${threads} threads, images/s by batch size: ${rates.join(', ')}`);
  }
  tried.sort((x, y) => y.rate - x.rate);
  const finals = tried.slice(0, 3);
  for (const each of finals) each.rate = await measure(each.setting, options.seconds);
  finals.sort((x, y) => y.rate - x.rate);
  return (finals[0] as (typeof finals)[number]).setting;
}

export const batchingSection: Section = async (context) => {
  const { material, options } = context;
  return withServer(context.serve(material.small), (adaptive) =>
    withServer(context.serve(material.small, '--max-batch', '1'), async (single) => {
      const requests = { protocol: 'http', payload: 'tensor', limit: 1000 } as const;
      const loads = { adaptive: await context.load(adaptive, requests), single: await context.load(single, requests) };
      const { connections } = options;
      const measured = await inTurn(options.rounds, {
        adaptive: () => loads.adaptive.saturate(connections),
        single: () => loads.single.saturate(connections),
      });
      const rates = (of: 'adaptive' | 'single') => measured[of].map(({ throughput }) => throughput);
      return [
        {
          measure: `ResNet-20 served, ${connections} connections, adaptive batches : batch size 1`,
          ours: `${spread(rates('adaptive')).median.toFixed(0)} images/s`,
          peer: `${spread(rates('single')).median.toFixed(0)} images/s`,
          value: pairwise(rates('adaptive'), rates('single'), (a, b) => a / b),
        },
      ];
    }),
  );
};
