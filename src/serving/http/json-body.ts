/**
 * JSON from the outside: checked for UTF-8 and for its depth before it is parsed, because what walks over the result
 * may recurse. NaN and Infinity are no JSON and are refused like any other stray word.
 */
import { isUtf8 } from 'node:buffer';
import { messageOf, SkeinError } from '../../base/index.ts';
import { received } from '../request-parameters.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** How deep brackets and braces nest, up to `limit + 1`; what stands in strings does not count. */
function depthOf(json: Uint8Array, limit: number): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) {
      for (at++; at < json.length && json[at] !== QUOTE; at++) if (json[at] === BACKSLASH) at++;
    } else if (byte === 0x5b || byte === 0x7b) {
      depth++;
      if (depth > deepest) deepest = depth;
      if (deepest > limit) break;
    } else if (byte === 0x5d || byte === 0x7d) {
      depth--;
    }
  }
  return deepest;
}

/**
 * @param subject what is read, for the message: "The request for model 'resnet20'"
 * @throws SkeinError 'invalid-argument'
 */
export function parseJson(json: Buffer, maxDepth: number, subject: string): unknown {
  if (!isUtf8(json)) throw new SkeinError('invalid-argument', `${subject}: its JSON must be UTF-8`);
  if (depthOf(json, maxDepth) > maxDepth) {
    throw new SkeinError('invalid-argument', `${subject}: its JSON must not nest deeper than ${maxDepth} levels`);
  }
  const text = json.toString('utf8');
  try {
    return JSON.parse(text);
  } catch (error) {
    const hint = /\b(NaN|Infinity)\b/.test(text) ? '; NaN and Infinity are no JSON, send them as binary data' : '';
    throw new SkeinError('invalid-argument', `${subject}: its JSON cannot be parsed: ${messageOf(error)}${hint}`);
  }
}

/** @throws SkeinError 'invalid-argument' unless `value` is a JSON object */
export function expectObject(value: unknown, subject: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new SkeinError('invalid-argument', `${subject} must be an object, received ${received(value)}`);
}

/** @throws SkeinError 'invalid-argument' unless `value` is an array */
export function expectArray(value: unknown, subject: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new SkeinError('invalid-argument', `${subject} must be an array, received ${received(value)}`);
}

/** @throws SkeinError 'invalid-argument' unless `value` is a string */
export function expectString(value: unknown, subject: string): string {
  if (typeof value === 'string') return value;
  throw new SkeinError('invalid-argument', `${subject} must be a string, received ${received(value)}`);
}
