/** The requests of `skein bench` over gRPC: ModelInfer with raw contents. */
import { SkeinError } from '../../base/index.ts';
import {
  decodeInferResponse,
  decodeMetadataResponse,
  encodeInferRequest,
  encodeMetadataRequest,
  methodPath,
  textElements,
} from '../../serving/grpc/client.ts';
import { frame, GrpcSocket } from './grpc-socket.ts';
import { indexOfLargest } from './http-workload.ts';
import type { Workload } from './load-connection.ts';
import type { PayloadSet } from './payloads.ts';
import type { ServerAddress } from './server-address.ts';
import { labelsFrom, type Target } from './target.ts';
import type { Payload } from './words.ts';

/** @throws SkeinError 'invalid-argument' for the payload that only HTTP has */
export function grpcInferenceWorkload(
  server: ServerAddress,
  { model, input, output }: Target,
  payload: Payload,
  { contents, labels }: PayloadSet,
): Workload {
  if (payload === 'image') {
    throw new SkeinError('invalid-argument', 'gRPC has no classify: use --payload bytes or --protocol http');
  }
  const [datatype, shape] = payload === 'tensor' ? ['FP32', [1, ...input.shape.slice(1)]] : ['BYTES', [1]];
  const requests = contents.map((raw) =>
    frame(encodeInferRequest({ model, input: { name: input.name, datatype, shape }, raw, output: output.name })),
  );
  return {
    size: requests.length,
    labels,
    connect: async (answered) => {
      const socket = new GrpcSocket(server, (failure, message, lost) => {
        if (message === undefined) answered(failure, undefined, lost);
        else answered(undefined, indexOfLargest(decodeInferResponse(message)[0] ?? new Uint8Array()), false);
      });
      await socket.open();
      return {
        send: (index) => socket.send(methodPath('ModelInfer'), requests[index] as Uint8Array),
        abort: (reason) => socket.abort(reason),
        close: () => socket.close(),
      };
    },
  };
}

/** {@link describeTarget} over gRPC. @throws SkeinError 'unavailable', 'not-found' or 'unauthenticated' */
export async function describeGrpcTarget(server: ServerAddress, model: string): Promise<Target> {
  const metadata = await call(server, 'ModelMetadata', encodeMetadataRequest(model));
  const { inputs, outputs } = decodeMetadataResponse(metadata);
  const [input, output] = [inputs[0], outputs[0]];
  if (input === undefined || output === undefined) {
    throw new SkeinError('unsupported', `${server.url.host} tells no input and output of model '${model}'`);
  }
  const labels = await labelsOf(server, { model, input, output }).catch(() => undefined);
  return { model, input, output, ...(labels !== undefined && { labels }) };
}

async function labelsOf(server: ServerAddress, { model, input, output }: Target): Promise<string[] | undefined> {
  const shape = [1, ...input.shape.slice(1)];
  const elements = shape.reduce((product, size) => product * size, 1);
  const classes = output.shape.at(-1) ?? 0;
  if (input.datatype !== 'FP32' || !(elements > 0 && elements < 1e7 && classes > 0)) return undefined;
  const raw = new Uint8Array(elements * 4);
  const infer = { model, input: { ...input, shape }, raw, output: output.name, classification: classes };
  const answer = await call(server, 'ModelInfer', encodeInferRequest(infer));
  return labelsFrom(textElements(decodeInferResponse(answer)[0] ?? new Uint8Array()), classes);
}

function call(server: ServerAddress, method: 'ModelInfer' | 'ModelMetadata', message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = new GrpcSocket(server, (failure, answer) => {
      socket.close();
      if (answer !== undefined) resolve(Uint8Array.from(answer));
      else reject(refusalOf(server, failure ?? 'no answer'));
    });
    socket.open().then(() => socket.send(methodPath(method), frame(message)), reject);
  });
}

function refusalOf({ url }: ServerAddress, failure: string): SkeinError {
  if (failure.startsWith('UNAUTHENTICATED')) {
    return new SkeinError('unauthenticated', `${url.host} wants a bearer token: give it with --token or SKEIN_TOKEN`);
  }
  const code = failure.startsWith('NOT_FOUND') ? 'not-found' : 'unavailable';
  return new SkeinError(code, `${url.host} answered ${failure}`);
}
