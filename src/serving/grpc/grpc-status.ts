/**
 * Errors as gRPC says them: one total table from Skein's codes to status codes. What was thrown by a defect is logged
 * whole and told to the client in general words only.
 */
import { status as Status, type StatusObject } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { type ErrorCode, messageOf, SkeinError } from '../../base/index.ts';
import { clipped } from '../request-parameters.ts';

/**
 * Refusals for want of capacity or time are UNAVAILABLE, as Triton's are, so that clients and balancers try again
 * elsewhere. DEADLINE_EXCEEDED is left to gRPC itself: it means that the client's own deadline has passed.
 */
export const GRPC_STATUS: Readonly<Record<ErrorCode, Status>> = {
  'invalid-argument': Status.INVALID_ARGUMENT,
  'not-found': Status.NOT_FOUND,
  unsupported: Status.UNIMPLEMENTED,
  corrupt: Status.INVALID_ARGUMENT,
  'too-large': Status.RESOURCE_EXHAUSTED,
  unauthenticated: Status.UNAUTHENTICATED,
  'queue-full': Status.UNAVAILABLE,
  'deadline-exceeded': Status.UNAVAILABLE,
  cancelled: Status.CANCELLED,
  unavailable: Status.UNAVAILABLE,
  internal: Status.INTERNAL,
};

/** What only gRPC can object to, with its own status. */
export class GrpcRefusal extends Error {
  readonly status: Status;

  constructor(status: Status, message: string) {
    super(message);
    this.status = status;
  }
}

/** The status that an error ends a call with; a defect is logged. */
export function statusOf(error: unknown, log: Logger | undefined): Pick<StatusObject, 'code' | 'details'> {
  const code = codeOf(error);
  if (code === Status.INTERNAL) log?.error({ err: error }, 'a call failed');
  else log?.debug({ status: code, reason: messageOf(error) }, 'a call was refused');
  const known = error instanceof SkeinError || error instanceof GrpcRefusal;
  const details = known ? messageOf(error) : 'The server failed to answer this call: its log says why';
  return { code, details: clipped(details) };
}

function codeOf(error: unknown): Status {
  if (error instanceof SkeinError) return GRPC_STATUS[error.code];
  return error instanceof GrpcRefusal ? error.status : Status.INTERNAL;
}
