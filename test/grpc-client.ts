/** A gRPC client for tests: calls by name, with the messages as plain objects. */
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  credentials,
  Metadata,
} from '@grpc/grpc-js';
import {
  GRPCInferenceService,
  type ModelInferRequest,
  ModelInferRequestSchema,
  type ModelInferResponse,
  type ModelStreamInferResponse,
  ModelStreamInferResponseSchema,
} from '../src/serving/grpc/gen/grpc_service_pb.ts';
import { floatBytes, floatsOf } from './http-client.ts';

type Methods = typeof GRPCInferenceService.method;
export type InferInit = Exclude<MessageInitShape<typeof ModelInferRequestSchema>, ModelInferRequest>;
export type Stream = ClientDuplexStream<InferInit, ModelStreamInferResponse>;

const bytesOf = <M extends DescMessage>(schema: M, value: MessageInitShape<M>): Buffer =>
  Buffer.from(toBinary(schema, create(schema, value)));

export class TestClient extends Client {
  constructor(port: number, options: { tlsRoot?: string } = {}, channel: ClientOptions = {}) {
    const { tlsRoot } = options;
    const secure = tlsRoot === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(tlsRoot));
    super(`localhost:${port}`, secure, {
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      ...channel,
    });
  }

  /** One call of a method of Triton's service. */
  call<K extends keyof Methods>(
    name: K,
    value: MessageInitShape<Methods[K]['input']>,
    options: CallOptions & { metadata?: Record<string, string> } = {},
  ): Promise<MessageShape<Methods[K]['output']>> {
    const method: DescMethod = GRPCInferenceService.method[name];
    const bytes = bytesOf(method.input, value as MessageInitShape<DescMessage>);
    return this.callRaw(`/${GRPCInferenceService.typeName}/${method.name}`, bytes, options).then(
      (answer) => fromBinary(method.output, answer) as MessageShape<Methods[K]['output']>,
    );
  }

  /** Bytes to any path. */
  callRaw(
    path: string,
    bytes: Buffer,
    options: CallOptions & { metadata?: Record<string, string> } = {},
  ): Promise<Buffer> {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
    const same = (buffer: Buffer): Buffer => buffer;
    return new Promise((resolve, reject) => {
      this.makeUnaryRequest(path, same, same, bytes, metadata, options, (error, answer) => {
        if (error !== null) reject(error);
        else resolve(answer ?? Buffer.alloc(0));
      });
    });
  }

  stream(): Stream {
    return this.makeBidiStreamRequest(
      `/${GRPCInferenceService.typeName}/ModelStreamInfer`,
      (value: InferInit) => bytesOf(ModelInferRequestSchema, value),
      (bytes: Buffer) => fromBinary(ModelStreamInferResponseSchema, bytes),
    );
  }
}

/** A request to the echo model for one row of four numbers, in raw bytes. */
export function echoRequest(row: readonly number[], id = ''): InferInit {
  return {
    modelName: 'echo',
    id,
    inputs: [{ name: 'input', datatype: 'FP32', shape: [1n, 4n] }],
    rawInputContents: [floatBytes(row)],
  };
}

/** The outputs of an answer by name. */
export function outputsOf(answer: ModelInferResponse): Record<string, number[]> {
  return Object.fromEntries(
    answer.outputs.map(({ name }, index) => [name, floatsOf(Buffer.from(answer.rawOutputContents[index] ?? []))]),
  );
}

/** Every message of a stream until its end; rejects with the status that it ended with. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of stream) all.push(message);
  return all;
}
