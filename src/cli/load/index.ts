export { describeGrpcTarget, grpcInferenceWorkload } from './grpc-workload.ts';
export { httpRequest, httpWorkload } from './http-workload.ts';
export { httpInferenceWorkload } from './inference-workload.ts';
export type { Workload } from './load-connection.ts';
export type { LoadResult } from './load-recorder.ts';
export {
  type Measurement,
  type MeasureOptions,
  measureServer,
} from './measure-server.ts';
export { loadPayloads, type PayloadSet } from './payloads.ts';
export { type LoadOptions, runLoad } from './run-load.ts';
export { describeTarget } from './target.ts';
export { LOAD_PROTOCOLS, type LoadProtocol, PAYLOADS, type Payload } from './words.ts';
