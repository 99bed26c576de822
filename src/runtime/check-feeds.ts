/**
 * What goes into a model against what the model says of its inputs, before it crosses to a thread. ONNX Runtime checks,
 * too, but ignores inputs that it does not know, and its words name neither.
 */
import { SkeinError } from '../base/index.ts';
import { type DType, elementCount, formatShape } from '../tensor/index.ts';
import type { NamedTensors, TensorData, TensorInfo } from './tensor-data.ts';

/** The typed array that holds the elements; types that are not here cannot go in or out. */
const ARRAYS: { readonly [Type in DType]?: { readonly name: string } } = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
};

/** @throws SkeinError 'invalid-argument' that names the input, what the model expects of it, and what was received */
export function checkFeeds(feeds: NamedTensors, inputs: readonly TensorInfo[]): void {
  const names = Object.keys(feeds);
  for (const input of inputs) {
    const tensor = feeds[input.name];
    if (tensor === undefined) throw refuse(input, names.length === 0 ? 'none' : `'${names.join("', '")}'`);
    checkTensor(tensor, input);
  }
  const unknown = names.length > inputs.length && names.find((name) => !inputs.some((input) => input.name === name));
  if (unknown) {
    const known = inputs.map(({ name }) => `'${name}'`).join(', ');
    throw new SkeinError('invalid-argument', `The model has no input '${unknown}': its inputs are ${known}`);
  }
}

function checkTensor({ dtype, dims, data }: TensorData, input: TensorInfo): void {
  if (dtype !== input.dtype) throw refuse(input, dtype === undefined ? 'no dtype' : String(dtype));
  if (!Array.isArray(dims) || !dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    throw refuse(input, dims === undefined ? 'no dims' : `the dims ${JSON.stringify(dims)}`);
  }
  // No dimensions at all is also what a model says that leaves the rank open.
  const fits =
    input.dims.length === 0 ||
    (input.dims.length === dims.length &&
      input.dims.every((dim, axis) => typeof dim !== 'number' || dim < 0 || dim === dims[axis]));
  if (!fits) throw refuse(input, formatShape(dims));
  const wanted = dtype === 'string' ? 'an array of strings' : (ARRAYS[dtype]?.name ?? 'nothing that JavaScript holds');
  const held = Array.isArray(data) ? 'an array of strings' : data?.constructor?.name;
  if (held !== wanted) throw refuse(input, `data in ${held ?? 'nothing'} instead of ${wanted}`);
  if (data.length !== elementCount(dims)) {
    throw refuse(input, `${data.length} elements for ${formatShape(dims)}`);
  }
}

function refuse({ name, dtype, dims }: TensorInfo, received: string): SkeinError {
  const shape = dims.length === 0 ? '' : ` ${formatShape(dims)}`;
  return new SkeinError(
    'invalid-argument',
    `The model's input '${name}' must be a tensor { dtype, dims, data } of ${dtype}${shape}, received ${received}`,
  );
}
