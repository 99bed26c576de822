/**
 * The methods of Triton's GRPCInferenceService over a data plane. The ones off the hot path write their answer as JSON
 * in the names of the .proto files and let protobuf turn it into the message.
 */
import { type DescMessage, fromJson, type JsonValue, type MessageShape, toBinary } from '@bufbuild/protobuf';
import {
  type MethodDefinition,
  type ServerUnaryCall,
  status as Status,
  type sendUnaryData,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { SkeinError } from '../../base/index.ts';
import type { BearerCheck } from '../bearer-token.ts';
import type { DataPlane } from '../protocol.ts';
import { decodeMessage } from './decode-message.ts';
import {
  GRPCInferenceService,
  ModelConfigRequestSchema,
  ModelMetadataRequestSchema,
  ModelReadyRequestSchema,
  type ModelRepositoryParameter,
  ModelStatisticsRequestSchema,
  RepositoryIndexRequestSchema,
  RepositoryModelLoadRequestSchema,
  RepositoryModelUnloadRequestSchema,
  ServerLiveRequestSchema,
  ServerMetadataRequestSchema,
  ServerReadyRequestSchema,
} from './gen/grpc_service_pb.ts';
import { GrpcRefusal, statusOf } from './grpc-status.ts';

export type Method = MethodDefinition<Buffer, Uint8Array>;

/** Bytes in, bytes out: what they mean is the handlers'. */
export function methodDefinition(
  service: string,
  name: string,
  stream: { request: boolean; response: boolean },
): Method {
  return {
    path: `/${service}/${name}`,
    requestStream: stream.request,
    responseStream: stream.response,
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    // grpc-js copies it into the frame with Buffer's own methods.
    responseSerialize: (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    responseDeserialize: (bytes) => bytes,
  };
}

/** Every method of the service, by name. */
export const INFERENCE_SERVICE: Readonly<Record<string, Method>> = Object.fromEntries(
  GRPCInferenceService.methods.map(({ name, methodKind }) => {
    const both = methodKind === 'bidi_streaming';
    return [name, methodDefinition(GRPCInferenceService.typeName, name, { request: both, response: both })];
  }),
);

type UnaryHandler = (call: ServerUnaryCall<Buffer, Uint8Array>, callback: sendUnaryData<Uint8Array>) => void;

/** A method whose answer is given as JSON. */
export function unary<Input extends DescMessage>(
  input: Input,
  output: DescMessage,
  log: Logger | undefined,
  answer: (request: MessageShape<Input>) => unknown,
): UnaryHandler {
  return async (call, callback) => {
    try {
      const json = (await answer(decodeMessage(input, call.request))) as JsonValue;
      callback(null, toBinary(output, fromJson(output, json)));
    } catch (error) {
      callback(statusOf(error, log));
    }
  };
}

export interface ServiceOptions {
  readonly plane: DataPlane;
  readonly modelControl: boolean;
  readonly log: Logger | undefined;
}

/** The handlers of every method but ModelInfer and ModelStreamInfer. */
export function inferenceHandlers({ plane, modelControl, log }: ServiceOptions): UntypedServiceImplementation {
  const { method } = GRPCInferenceService;
  const control = (verb: string, parameters: Readonly<Record<string, ModelRepositoryParameter>>): void => {
    if (!modelControl) {
      const reason = 'the server was not started with it allowed';
      throw new GrpcRefusal(Status.PERMISSION_DENIED, `Cannot ${verb} a model over the network: ${reason}`);
    }
    for (const name in parameters) {
      if (name !== 'config' && !name.startsWith('file:')) continue;
      throw new GrpcRefusal(Status.UNIMPLEMENTED, `Parameter '${name}' is not supported, change the repository`);
    }
  };
  const handlers: UntypedServiceImplementation = {
    ServerLive: unary(ServerLiveRequestSchema, method.serverLive.output, log, () => ({ live: plane.live() })),
    ServerReady: unary(ServerReadyRequestSchema, method.serverReady.output, log, () => ({ ready: plane.ready() })),
    ServerMetadata: unary(ServerMetadataRequestSchema, method.serverMetadata.output, log, () => plane.serverMetadata()),
    ModelReady: unary(ModelReadyRequestSchema, method.modelReady.output, log, ({ name, version }) => ({
      ready: readyOrUnknown(plane, name, version),
    })),
    ModelMetadata: unary(ModelMetadataRequestSchema, method.modelMetadata.output, log, ({ name, version }) =>
      plane.modelMetadata(name, version),
    ),
    ModelConfig: unary(ModelConfigRequestSchema, method.modelConfig.output, log, ({ name, version }) => ({
      config: plane.modelConfig(name, version),
    })),
    ModelStatistics: unary(ModelStatisticsRequestSchema, method.modelStatistics.output, log, ({ name, version }) =>
      // No name: the statistics of all models.
      wholeNumbers({ model_stats: name === '' ? plane.statistics() : plane.statistics(name, version) }),
    ),
    RepositoryIndex: unary(RepositoryIndexRequestSchema, method.repositoryIndex.output, log, ({ ready }) => ({
      models: plane.repositoryIndex(ready),
    })),
    RepositoryModelLoad: unary(
      RepositoryModelLoadRequestSchema,
      method.repositoryModelLoad.output,
      log,
      async (asked) => {
        control('load', asked.parameters);
        await plane.loadModel(asked.modelName);
        return {};
      },
    ),
    RepositoryModelUnload: unary(
      RepositoryModelUnloadRequestSchema,
      method.repositoryModelUnload.output,
      log,
      async (asked) => {
        control('unload', asked.parameters);
        await plane.unloadModel(asked.modelName);
        return {};
      },
    ),
  };
  for (const name of Object.keys(INFERENCE_SERVICE)) {
    handlers[name] ??= (_call: unknown, callback: sendUnaryData<Uint8Array>) => {
      callback(statusOf(new GrpcRefusal(Status.UNIMPLEMENTED, `${name} is not supported by this server`), log));
    };
  }
  return handlers;
}

/** Counts and nanoseconds as the integers that the messages hold. */
function wholeNumbers(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, field) => (typeof field === 'number' ? Math.round(field) : field)));
}

/** The same unary handlers; how many of their calls are accepted and unanswered is kept in `calls`. */
export function counted(
  handlers: UntypedServiceImplementation,
  calls: { accepted: number },
): UntypedServiceImplementation {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      (call: ServerUnaryCall<Buffer, Uint8Array>, callback: sendUnaryData<Uint8Array>) => {
        calls.accepted++;
        (handler as UnaryHandler)(call, (...answer) => {
          calls.accepted--;
          callback(...answer);
        });
      },
    ]),
  );
}

/** Asked by whatever watches the server; over HTTP and in grpc.health.v1 the same is open too. */
const OPEN_METHODS = new Set(['ServerLive', 'ServerReady']);

/** The same handlers, each but those for the server's health behind the check of the bearer token. */
export function guarded(
  handlers: UntypedServiceImplementation,
  check: BearerCheck | undefined,
): UntypedServiceImplementation {
  if (check === undefined) return handlers;
  const guard =
    (handler: UntypedServiceImplementation[string]) =>
    (call: { metadata: { get(key: string): unknown[] }; emit?: unknown }, callback?: sendUnaryData<Uint8Array>) => {
      try {
        check(call.metadata.get('authorization')[0]?.toString());
      } catch (error) {
        const refusal = statusOf(error, undefined);
        if (callback === undefined) (call as unknown as NodeJS.EventEmitter).emit('error', refusal);
        else callback(refusal);
        return;
      }
      (handler as (...values: unknown[]) => void)(call, callback);
    };
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [name, OPEN_METHODS.has(name) ? handler : guard(handler)]),
  );
}

/** A client that waits for a model or version that does not exist yet is told no, as over HTTP it is told 404. */
function readyOrUnknown(plane: DataPlane, name: string, version: string): boolean {
  try {
    return plane.modelReady(name, version);
  } catch (error) {
    if (error instanceof SkeinError && error.code === 'not-found') return false;
    throw error;
  }
}
