/** Generated messages from bytes that may be anything. */
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import { messageOf, SkeinError } from '../../base/index.ts';

const OPTIONS = { readUnknownFields: false } as const;

/** @throws SkeinError 'invalid-argument' for bytes that are no such message */
export function decodeMessage<M extends DescMessage>(schema: M, bytes: Uint8Array): MessageShape<M> {
  try {
    return fromBinary(schema, bytes, OPTIONS);
  } catch (error) {
    throw new SkeinError('invalid-argument', `The message is not a valid ${schema.typeName}: ${messageOf(error)}`);
  }
}
