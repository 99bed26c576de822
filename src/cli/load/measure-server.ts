/** `skein bench` without its words: from a server's address and labelled images to the result of a load. */
import { type OpenOptions, openData, type Preprocessing } from '../../data/index.ts';
import { describeGrpcTarget, grpcInferenceWorkload } from './grpc-workload.ts';
import { httpInferenceWorkload } from './inference-workload.ts';
import type { LoadResult } from './load-recorder.ts';
import { loadPayloads } from './payloads.ts';
import { type LoadOptions, runLoad } from './run-load.ts';
import type { ServerAddress } from './server-address.ts';
import { describeTarget, type Target } from './target.ts';
import type { LoadProtocol, Payload } from './words.ts';

export interface MeasureOptions {
  readonly model: string;
  /** As users write it after `--data`. */
  readonly data: string;
  readonly dataOptions?: OpenOptions;
  readonly payload: Payload;
  readonly protocol: LoadProtocol;
  /** Of tensors; ImageNet's for three channels, 0 and 1 for one, unless told. */
  readonly normalization?: Pick<Preprocessing, 'mean' | 'std'>;
  readonly load: LoadOptions;
}

export interface Measurement extends LoadResult {
  readonly target: Target;
  /** Different requests that were sent, over and over. */
  readonly images: number;
  readonly warnings: readonly string[];
}

const SPLITS = ['test', 'val', 'train'];
/** Requests are built before the load begins and stay in memory. */
const MOST_IMAGES = 5000;
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const PLAIN = { mean: [0], std: [1] };

/**
 * @throws SkeinError 'unavailable' if the server cannot be reached, 'not-found' for the model or the data,
 * 'invalid-argument' for what does not go together
 */
export async function measureServer(server: ServerAddress, options: MeasureOptions): Promise<Measurement> {
  const { model, payload, protocol } = options;
  const target = await (protocol === 'grpc' ? describeGrpcTarget(server, model) : describeTarget(server, model));
  const normalization = options.normalization ?? (target.input.shape[1] === 1 ? PLAIN : IMAGENET);
  const data = await openData(options.data, {
    preferredSplits: SPLITS,
    limit: Math.min(options.load.requests ?? MOST_IMAGES, MOST_IMAGES),
    ...options.dataOptions,
  });
  const payloads = await loadPayloads(data, target, payload, normalization).finally(() => data.close());
  const workload = (protocol === 'grpc' ? grpcInferenceWorkload : httpInferenceWorkload)(
    server,
    target,
    payload,
    payloads,
  );
  const result = await runLoad(workload, options.load);
  return {
    ...result,
    target,
    images: workload.size,
    warnings: payloads.warning === undefined ? [] : [payloads.warning],
  };
}
