/** Against the fastify + onnxruntime-node server that a user would write instead. */

import { inTurn, pairwise, spread } from '../report/rounds.ts';
import { type Section, withServer } from './bench-context.ts';
import { startServer } from './child.ts';

const CONNECTIONS = 32;

export const handwrittenSection: Section = async (context) => {
  const { material, options } = context;
  const peerServer = startServer('../peers/handwritten-server.js', [material.small]);
  return withServer(peerServer, (peer) =>
    withServer(context.serve(material.small), async (server) => {
      const ours = await context.load(server, { protocol: 'http', payload: 'tensor', limit: 1000 });
      const theirs = await context.load(
        { url: peer.url, model: '' },
        { protocol: 'floats', payload: 'tensor', limit: 1000 },
      );
      const measured = await inTurn(options.rounds, {
        ours: () => ours.saturate(CONNECTIONS),
        peer: () => theirs.saturate(CONNECTIONS),
      });
      const rates = (of: 'ours' | 'peer') => measured[of].map(({ throughput }) => throughput);
      const p99 = (of: 'ours' | 'peer') => measured[of].map(({ latencyMs }) => latencyMs.p99 ?? Number.NaN);
      return [
        {
          measure: `throughput at ${CONNECTIONS} connections : hand-written fastify server`,
          ours: `${spread(rates('ours')).median.toFixed(0)} images/s`,
          peer: `${spread(rates('peer')).median.toFixed(0)} images/s`,
          value: pairwise(rates('ours'), rates('peer'), (a, b) => a / b),
          target: { at: 'least', value: 1.5 },
        },
        {
          measure: `p99 at ${CONNECTIONS} connections : hand-written fastify server`,
          ours: `${spread(p99('ours')).median.toFixed(1)} ms`,
          peer: `${spread(p99('peer')).median.toFixed(1)} ms`,
          value: pairwise(p99('ours'), p99('peer'), (a, b) => a / b),
          target: { at: 'most', value: 1 },
        },
      ];
    }),
  );
};
