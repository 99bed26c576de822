/**
 * Whether whoever asked has gone, for those who are about to work for them: looked at, not listened to. An AbortSignal
 * is one; the protocols give plain objects, as making an AbortSignal costs a request several microseconds.
 */
export interface Cancellation {
  readonly aborted: boolean;
}
