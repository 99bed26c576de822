/**
 * What of a protobuf message the graph has no field for: documentation, device configurations, fields of a later ONNX.
 * It travels as the opaque `rest` of graph objects and is the message that saving starts from.
 */
import { create, type DescMessage, type MessageShape } from '@bufbuild/protobuf';

type Own = Record<string, unknown>;

/**
 * A copy of `message` without the fields in `known`; undefined if nothing is left. Every field of the result is as it was
 * read, unknown fields included.
 */
export function remainderOf<T extends object>(message: T, known: readonly (keyof T)[]): T | undefined {
  const rest = Object.create(Object.getPrototypeOf(message)) as Own;
  let left = false;
  for (const [key, value] of Object.entries(message)) {
    if (known.includes(key as keyof T)) {
      if (Array.isArray(value)) rest[key] = [];
      continue;
    }
    rest[key] = value;
    if (key === '$typeName' || (Array.isArray(value) && value.length === 0)) continue;
    // A oneof that is not set is there as an object without a case.
    if (isUnsetOneof(value)) continue;
    left = true;
  }
  return left ? (rest as T) : undefined;
}

function isUnsetOneof(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'case' in value && value.case === undefined;
}

/** A message to fill: a copy of the remainder of this kind, or a new one. */
export function startFrom<D extends DescMessage>(schema: D, rest: unknown): MessageShape<D> {
  const message = create(schema);
  if (!isMessage(schema, rest)) return message;
  const copy = Object.create(Object.getPrototypeOf(rest)) as Own;
  return Object.assign(copy, rest) as MessageShape<D>;
}

/** Whether an opaque `rest` is a message of this kind. */
export function isMessage<D extends DescMessage>(schema: D, rest: unknown): rest is MessageShape<D> {
  return typeof rest === 'object' && rest !== null && (rest as { $typeName?: unknown }).$typeName === schema.typeName;
}
