/** The bytes of an ONNX file ↔ a model. */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { asSkeinError, messageOf, SkeinError } from '../base/index.ts';
import type { Graph, Model } from '../graph/index.ts';
import { ExternalData } from './external-data.ts';
import { modelFromProto } from './from-proto.ts';
import { type ModelProto, ModelProtoSchema } from './gen/onnx_pb.ts';
import { modelToProto } from './to-proto.ts';

/** protobuf ends at 2 GiB. */
export const LARGEST_MODEL = 2 ** 31 - 1;

export interface ParseOptions {
  /** Folder against which the locations of external data count. */
  readonly baseDir?: string;
  /** Gets each file beside the model that holds data of it. */
  readonly onDataFile?: (path: string) => void;
}

/**
 * A model from the bytes of an ONNX file. The bytes are referred to, not copied: do not change them afterwards.
 * @throws SkeinError 'corrupt' if they are truncated or no ONNX, 'not-found' or 'invalid-argument' for bad external data
 */
export function parseOnnx(bytes: Uint8Array, options: ParseOptions = {}): Model {
  let proto: ModelProto;
  try {
    // A plain view: a Buffer's methods differ.
    proto = fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw new SkeinError('corrupt', `The file is truncated or no ONNX model: ${messageOf(error)}`, { cause: error });
  }
  try {
    return modelFromProto(proto, new ExternalData(options.baseDir, options.onDataFile));
  } catch (error) {
    throw asSkeinError(error, 'corrupt', 'The file is no ONNX model');
  }
}

/** The bytes of an ONNX file with everything inside. @throws SkeinError 'too-large' above 2 GB */
export function serializeModel(model: Model): Uint8Array<ArrayBuffer> {
  const size = initializerBytes(model.graph);
  if (size > LARGEST_MODEL) {
    throw new SkeinError(
      'too-large',
      `The model has ${size} bytes of initializers, an ONNX file holds 2 GB at most: write it with external data`,
    );
  }
  return toBinary(ModelProtoSchema, modelToProto(model));
}

function initializerBytes(graph: Graph): number {
  let bytes = 0;
  for (const tensor of graph.initializers.values()) bytes += tensor.byteLength ?? 0;
  return bytes;
}
