/**
 * The bytes of all bodies that a server holds at once, over both protocols: each is bounded on its own, but many large
 * ones together would still exhaust the machine. A body counts from its arrival until its request is answered.
 */
import { SkeinError } from '../base/index.ts';

const BODIES_AT_THE_LIMIT = 4;
const LEAST_BYTES = 256 * 2 ** 20;

/** What bounds one body, and all together. */
export interface BodyLimits {
  /** Of one, compressed and decompressed. */
  readonly limitBytes: number;
  readonly budget: BodyBudget;
}

/** What one body holds of a budget. */
export interface BodyHold {
  /** So many bytes in all; nothing once it is released. */
  set(bytes: number): void;
  release(): void;
}

export class BodyBudget {
  readonly limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** Room for some bodies of the largest size that is accepted, and for many of the usual ones. */
  static forBodiesOf(bodyLimitBytes: number): BodyBudget {
    return new BodyBudget(Math.max(LEAST_BYTES, BODIES_AT_THE_LIMIT * bodyLimitBytes));
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Why so many bytes more cannot be held now; undefined where they can. */
  refusal(bytes: number): SkeinError | undefined {
    if (this.#heldBytes + bytes <= this.limitBytes) return undefined;
    return new SkeinError(
      'queue-full',
      `The bodies of all requests together must not exceed ${this.limitBytes} bytes, ${this.#heldBytes} are held and ${bytes} came: try again in a moment`,
    );
  }

  /** What one body holds from now on. */
  hold(): BodyHold {
    let heldBytes = 0;
    let released = false;
    const set = (bytes: number): void => {
      if (released) return;
      this.#heldBytes += bytes - heldBytes;
      heldBytes = bytes;
    };
    const release = (): void => {
      set(0);
      released = true;
    };
    return { set, release };
  }
}
