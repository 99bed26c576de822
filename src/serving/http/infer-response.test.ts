import { expect, it } from 'vitest';
import { encodeInferResponse } from './infer-response.ts';

const response = {
  model: 'm',
  version: '1',
  id: '7',
  outputs: [{ name: 'logits', datatype: 'FP32' as const, shape: [1, 2], data: Float32Array.of(1, 2) }],
};
const headerOf = (
  answer: typeof response & { parameters?: { skein_late_parts: string } },
  binaryByDefault: boolean,
) => {
  const { body, headerLength } = encodeInferResponse(answer, { binary: undefined, binaryByDefault });
  return JSON.parse(body.subarray(0, headerLength).toString());
};

it.each([false, true])('encodeInferResponse() writes parameters where there are some, binary: %s', (binary) => {
  const parameters = { skein_late_parts: 'root.parallel.0,root.parallel.2' };
  expect(headerOf({ ...response, parameters }, binary)).toMatchObject({ model_name: 'm', id: '7', parameters });
  expect(headerOf(response, binary)).not.toHaveProperty('parameters');
});
