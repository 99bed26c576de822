/**
 * The parameters of a request that both protocols carry in the same words: Triton's schedule policy (`priority`,
 * `timeout`), classification, and those that ask for what Skein does not do. Values come as `unknown`: from JSON, or
 * from the choice of an InferParameter message.
 */
import { SkeinError } from '../base/index.ts';

/** For building what is only read afterwards. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

export type Parameters = Readonly<Record<string, unknown>>;

const LONGEST_MESSAGE = 1000;

/** A message that is well-formed Unicode and of bounded length, whatever names of the client it repeats. */
export function clipped(message: string): string {
  const short = message.length <= LONGEST_MESSAGE ? message : `${message.slice(0, LONGEST_MESSAGE - 3)}...`;
  return Buffer.from(short).toString();
}

/** What was received, short enough for an error message. */
export function received(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'bigint') return String(value);
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

/**
 * A parameter that counts something, as a number; undefined where it is absent. What is beyond 2^53 - 1 is that: Triton's
 * counts have 64 bits, and nobody waits so many microseconds.
 * @throws SkeinError 'invalid-argument' unless it is an integer of at least 0
 */
export function countParameter(parameters: Parameters | undefined, name: string, subject: string): number | undefined {
  const value = parameters?.[name];
  if (value === undefined) return undefined;
  const count = typeof value === 'bigint' ? Number(value) : value;
  if (typeof count === 'number' && Number.isInteger(count) && count >= 0)
    return Math.min(count, Number.MAX_SAFE_INTEGER);
  throw new SkeinError(
    'invalid-argument',
    `${subject}: parameter '${name}' must be an integer of at least 0, received ${received(value)}`,
  );
}

/**
 * A parameter that is true or false; undefined where it is absent.
 * @throws SkeinError 'invalid-argument' for anything else
 */
export function flagParameter(parameters: Parameters | undefined, name: string, subject: string): boolean | undefined {
  const value = parameters?.[name];
  if (value === undefined || typeof value === 'boolean') return value;
  throw new SkeinError(
    'invalid-argument',
    `${subject}: parameter '${name}' must be true or false, received ${received(value)}`,
  );
}

/**
 * Refuses a tensor that lies in shared memory, before its missing bytes are reported as something else.
 * @throws SkeinError 'unsupported'
 */
export function refuseSharedMemory(parameters: Parameters | undefined, subject: string): void {
  if (parameters?.shared_memory_region === undefined) return;
  throw new SkeinError(
    'unsupported',
    `${subject}: shared memory is not supported, send the tensor inside the request and omit 'shared_memory_region'`,
  );
}
