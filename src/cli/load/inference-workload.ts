/** The requests of `skein bench`, as the Open Inference Protocol and its binary tensor extension write them, over HTTP. */
import {
  classOfBinaryTensor,
  classOfClassification,
  type HttpRequestParts,
  httpRequest,
  httpWorkload,
} from './http-workload.ts';
import type { Workload } from './load-connection.ts';
import type { PayloadSet } from './payloads.ts';
import { authorization, type ServerAddress } from './server-address.ts';
import type { Target } from './target.ts';
import type { Payload } from './words.ts';

export function httpInferenceWorkload(
  server: ServerAddress,
  target: Target,
  payload: Payload,
  { contents, labels }: PayloadSet,
): Workload {
  const { url, token } = server;
  const path = `/v2/models/${encodeURIComponent(target.model)}`;
  const parts = contents.map((content): HttpRequestParts => {
    const { path: action, headers, body } = payload === 'image' ? classify(content) : infer(target, payload, content);
    return { path: `${path}/${action}`, headers: { ...authorization(token), ...headers }, body };
  });
  return httpWorkload({
    server,
    requests: parts.map((part) => httpRequest(url, part)),
    readClass: payload === 'image' ? classOfClassification : classOfBinaryTensor,
    labels,
  });
}

function classify(file: Uint8Array): HttpRequestParts {
  return { path: 'classify', headers: { 'content-type': 'application/octet-stream' }, body: file };
}

function infer({ input, output }: Target, payload: Payload, content: Uint8Array): HttpRequestParts {
  const [datatype, shape] = payload === 'tensor' ? ['FP32', [1, ...input.shape.slice(1)]] : ['BYTES', [1]];
  const json = Buffer.from(
    JSON.stringify({
      inputs: [{ name: input.name, datatype, shape, parameters: { binary_data_size: content.length } }],
      outputs: [{ name: output.name, parameters: { binary_data: true } }],
    }),
  );
  return {
    path: 'infer',
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(json.length) },
    body: Buffer.concat([json, content]),
  };
}
