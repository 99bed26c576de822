/**
 * What the load generator knows of a protocol: a connection that has one request on its way at a time. Callbacks instead
 * of promises, since the generator takes its time from the cores that it measures.
 */

/**
 * Told of the end of each request: why it failed, or undefined; and the class with the largest score, where the answer
 * tells one. `lost` says that the connection broke, so that the next request should not follow at once.
 */
export type Answered = (failure: string | undefined, topClass: number | undefined, lost: boolean) => void;

export interface LoadConnection {
  /** Sends request `index` of the workload; only after the one before is answered. Connects again where need be. */
  send(index: number): void;
  /** Gives the request on its way up: `answered` is told `reason`. */
  abort(reason: string): void;
  /** Closes without a word to `answered`. */
  close(): void;
}

/** Makes a connection; it is there when `answered` may be called. @throws SkeinError 'unavailable' */
export type Connect = (answered: Answered) => Promise<LoadConnection>;

/** Requests that were built beforehand, sent in their order over and over. */
export interface Workload {
  readonly size: number;
  readonly connect: Connect;
  /** The class that each request should be given, -1 where it is not known. */
  readonly labels?: Int32Array;
}
