/** The cascade against its big model alone, both served by Skein, and the memory of the server that holds both models. */
import type { LoadResult } from '../../src/cli/load/index.ts';
import { inTurn, pairwise, spread } from '../report/rounds.ts';
import type { Row } from '../report/table.ts';
import { type BenchContext, type Load, type Section, withServer } from './bench-context.ts';

/** Latency at an open-loop load of so much of what the big model alone can do. */
const MODERATE = 0.5;
const MOST_MEMORY_MB = 400;

export const cascadeSection: Section = async (context) => {
  const { material, options } = context;
  const plan = await context.cascade();
  return withServer(context.serve(plan), (cascade) =>
    withServer(context.serve(material.big), async (big) => {
      const loads = {
        cascade: await context.load(cascade, { protocol: 'http', payload: 'image' }),
        big: await context.load(big, { protocol: 'http', payload: 'image' }),
      };
      const { connections } = options;
      const closed = await inTurn(options.rounds, {
        cascade: () => loads.cascade.saturate(connections),
        big: () => loads.big.saturate(connections),
      });
      const rate = MODERATE * spread(closed.big.map(({ throughput }) => throughput)).median;
      const open = await inTurn(options.rounds, {
        cascade: () => atRate(context, loads.cascade, rate),
        big: () => atRate(context, loads.big, rate),
      });
      const rows = [
        throughputRow(closed, connections),
        meanRow(`mean latency, JPEG files, ${connections} connections`, closed, 0.69),
        meanRow(`mean latency, JPEG files, ${rate.toFixed(0)} requests/s`, open, undefined),
      ];
      return [...rows, await accuracyRow(context, loads)];
    }),
  );
};

type Results = { readonly cascade: readonly LoadResult[]; readonly big: readonly LoadResult[] };

function throughputRow({ cascade, big }: Results, connections: number): Row {
  const rates = (results: readonly LoadResult[]) => results.map(({ throughput }) => throughput);
  return {
    measure: `throughput, JPEG files, ${connections} connections, cascade 20→56 : ResNet-56`,
    ours: `${spread(rates(cascade)).median.toFixed(0)} images/s`,
    peer: `${spread(rates(big)).median.toFixed(0)} images/s`,
    value: pairwise(rates(cascade), rates(big), (a, b) => a / b),
    target: { at: 'least', value: 1.8 },
  };
}

function meanRow(measure: string, { cascade, big }: Results, atMost: number | undefined): Row {
  const means = (results: readonly LoadResult[]) => results.map(({ latencyMs }) => latencyMs.mean ?? Number.NaN);
  return {
    measure: `${measure}, cascade 20→56 : ResNet-56`,
    ours: `${spread(means(cascade)).median.toFixed(2)} ms`,
    peer: `${spread(means(big)).median.toFixed(2)} ms`,
    value: pairwise(means(cascade), means(big), (a, b) => a / b),
    ...(atMost !== undefined && { target: { at: 'most', value: atMost } }),
  };
}

/** Every image once, through the servers. */
async function accuracyRow({ material, options }: BenchContext, loads: { cascade: Load; big: Load }): Promise<Row> {
  const { connections } = options;
  const once = (load: Load) => load.run({ connections, requests: load.size, warmupMs: 0 });
  const cascade = await once(loads.cascade);
  const big = await once(loads.big);
  const accuracy = ({ top1 }: LoadResult) => 100 * (top1 ?? Number.NaN);
  const difference = accuracy(cascade) - accuracy(big);
  return {
    measure: `accuracy on all ${loads.cascade.size} images through the server, cascade − ResNet-56`,
    ours: `${accuracy(cascade).toFixed(2)} %`,
    peer: `${accuracy(big).toFixed(2)} %`,
    ...(material.note === undefined && {
      value: { median: difference, min: difference, max: difference },
      unit: 'points',
      target: { at: 'least', value: 0 },
    }),
  };
}

function atRate({ options }: BenchContext, load: Load, rate: number): Promise<LoadResult> {
  return load.run({ connections: 64, rate, durationMs: options.seconds * 1000, warmupMs: 500 });
}

export const memorySection: Section = async (context) =>
  withServer(context.serve(await context.cascade()), async (server) => {
    const load = await context.load(server, { protocol: 'http', payload: 'image' });
    const before = await server.memory();
    await load.saturate(context.options.connections);
    const { now, peak } = await server.memory();
    const value = { median: peak, min: peak, max: peak };
    return [
      {
        measure: 'resident memory of the server with both models, at most during and after load',
        ours: `${peak.toFixed(0)} MB (${before.now.toFixed(0)} before load, ${now.toFixed(0)} after)`,
        peer: '',
        value,
        unit: 'MB',
        target: { at: 'most', value: MOST_MEMORY_MB },
      },
    ];
  });
