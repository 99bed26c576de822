/** What serving adds to a request that comes alone, over a bare session.run in process. */
import type { LoneCall } from '../processes/engine-process.ts';
import { inTurn, pairwise, spread } from '../report/rounds.ts';
import type { Row } from '../report/table.ts';
import { type Load, type Section, withServer } from './bench-context.ts';
import { Child } from './child.ts';

const MOST_ADDED_MS = 0.4;

export const loneSection: Section = async (context) => {
  const { material, options } = context;
  const { rounds, seconds } = options;
  const session = new Child('../processes/engine-process.js');
  try {
    return await withServer(context.serve(material.small), async (server) => {
      const rest = await context.load(server, { protocol: 'http', payload: 'tensor', limit: 200 });
      const grpc = await context.load(server, { protocol: 'grpc', payload: 'tensor', limit: 200 });
      const call: LoneCall = { model: material.small, preprocessing: material.preprocessing, seconds };
      const medianOf = async (load: Load) => (await load.saturate(1)).latencyMs.p50 ?? Number.NaN;
      const measured = await inTurn(rounds, {
        session: () => session.call<number>('lone', call),
        rest: () => medianOf(rest),
        grpc: () => medianOf(grpc),
      });
      const row = (name: string, ours: readonly number[]): Row => ({
        measure: `lone request, ${name}, p50 − session.run`,
        ours: `${spread(ours).median.toFixed(3)} ms`,
        peer: `${spread(measured.session).median.toFixed(3)} ms`,
        value: pairwise(ours, measured.session, (a, b) => a - b),
        unit: 'ms',
        target: { at: 'most', value: MOST_ADDED_MS },
      });
      return [row('REST with binary tensors', measured.rest), row('gRPC', measured.grpc)];
    });
  } finally {
    await session.close();
  }
};
