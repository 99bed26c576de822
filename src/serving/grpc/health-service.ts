/** grpc.health.v1, which Kubernetes and balancers ask: serving while the data plane is ready. */
import { create, toBinary } from '@bufbuild/protobuf';
import { type ServerWritableStream, status as Status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { DataPlane } from '../protocol.ts';
import { decodeMessage } from './decode-message.ts';
import { GRPCInferenceService } from './gen/grpc_service_pb.ts';
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as Serving,
} from './gen/health_pb.ts';
import { GrpcRefusal, statusOf } from './grpc-status.ts';
import { type Method, methodDefinition, unary } from './service.ts';

const WATCH_INTERVAL_MS = 500;

/** Watch stands in the standard's health.proto, though not in Triton's copy. */
export const HEALTH_SERVICE: Readonly<Record<string, Method>> = {
  Check: methodDefinition(Health.typeName, 'Check', { request: false, response: false }),
  Watch: methodDefinition(Health.typeName, 'Watch', { request: false, response: true }),
};

type Watcher = ServerWritableStream<Buffer, Uint8Array>;

/** @param watchers those who watch now, so that they can be told when the server ends */
export function healthHandlers(
  plane: DataPlane,
  watchers: Set<Watcher>,
  log: Logger | undefined,
): UntypedServiceImplementation {
  const known = (service: string): boolean => service === '' || service === GRPCInferenceService.typeName;
  const statusNow = (service: string): Serving => {
    if (!known(service)) return Serving.SERVICE_UNKNOWN;
    return plane.ready() ? Serving.SERVING : Serving.NOT_SERVING;
  };
  return {
    Check: unary(HealthCheckRequestSchema, HealthCheckResponseSchema, log, ({ service }) => {
      if (!known(service)) throw new GrpcRefusal(Status.NOT_FOUND, `There is no service '${service}'`);
      return { status: statusNow(service) };
    }),
    Watch: (call: Watcher) => {
      let told: Serving | undefined;
      const tell = (status: Serving): void => {
        if (status !== told)
          call.write(toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status })));
        told = status;
      };
      try {
        const { service } = decodeMessage(HealthCheckRequestSchema, call.request);
        tell(statusNow(service));
        const timer = setInterval(() => tell(statusNow(service)), WATCH_INTERVAL_MS);
        watchers.add(call);
        call.on('cancelled', () => {
          clearInterval(timer);
          watchers.delete(call);
        });
      } catch (error) {
        call.emit('error', statusOf(error, log));
      }
    },
  };
}
