/**
 * The one error type of Skein. Its `code` is stable: HTTP, gRPC and the command line each map the codes in one total
 * table, so that a lower floor never knows what a status number is.
 *
 * Messages follow one form: subject, expectation, what was received:
 * `Cannot load plan 'x/plan.json': root.cascade.confidence must be between 0 and 1, received 1.3`.
 */
export const ERROR_CODES = [
  /** The caller's words are off: a wrong option, shape, type, name. */
  'invalid-argument',
  /** A file, model, version or tensor that does not exist. */
  'not-found',
  /** Understood, but not something that Skein does. */
  'unsupported',
  /** A file that is truncated, damaged, or not what its name says. */
  'corrupt',
  /** The request is larger than the configured limit. */
  'too-large',
  /** The bearer token is missing or wrong. */
  'unauthenticated',
  /** The bounded queue has no room. */
  'queue-full',
  /** The request's deadline has passed or cannot be met any more. */
  'deadline-exceeded',
  /** The client went away before its answer was ready. */
  'cancelled',
  /** The service cannot answer now: a model still loads, the server drains, a worker died twice. */
  'unavailable',
  /** A defect of Skein, or of the engine below it. */
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export class SkeinError extends Error {
  override readonly name = 'SkeinError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The message of anything that was thrown, on one line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/\s*\n\s*/g, ' ').trim();
}

/** `error` as a SkeinError: itself if it is one, otherwise wrapped under `code` with `subject` before its message. */
export function asSkeinError(error: unknown, code: ErrorCode, subject?: string): SkeinError {
  if (error instanceof SkeinError) return error;
  const message = messageOf(error);
  return new SkeinError(code, subject === undefined ? message : `${subject}: ${message}`, { cause: error });
}
