export { describeGrpcTarget, grpcInferenceWorkload } from './grpc-workload.ts';
export { type HttpAnswer, HttpSocket } from './http-socket.ts';
export { httpRequest, httpWorkload, indexOfLargest } from './http-workload.ts';
export { httpInferenceWorkload } from './inference-workload.ts';
export type { Answered, Connect, LoadConnection, Workload } from './load-connection.ts';
export type { LoadResult } from './load-recorder.ts';
export {
  LOAD_PROTOCOLS,
  type LoadProtocol,
  type Measurement,
  type MeasureOptions,
  measureServer,
} from './measure-server.ts';
export { loadPayloads, PAYLOADS, type Payload, type PayloadSet } from './payloads.ts';
export { type LoadOptions, type LoadProgress, runLoad } from './run-load.ts';
export { describeTarget, type ServerAddress, type Target } from './target.ts';
