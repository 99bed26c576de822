/** What travels between a pool and its threads. */
import type { Transferable } from 'node:worker_threads';
import type { SkeinError } from './errors.ts';

export interface Job<Message> {
  readonly message: Message;
  /** Buffers that move to the thread instead of being copied; they are empty here afterwards. */
  readonly transfer?: readonly Transferable[];
}

export type ToThread<Message> =
  | { readonly id: number; readonly message: Message }
  /** The thread ends itself with this code, as soon as it is back from native code. */
  | { readonly exit: number };

export type FromThread<Result> =
  | { readonly id: number; readonly result: Result }
  | { readonly id: number; readonly error: { readonly code: SkeinError['code']; readonly message: string } };
