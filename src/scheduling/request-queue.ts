/**
 * What waits, in the order in which it is served: by priority (1 before 2), then by deadline (none is last), then by
 * arrival. A binary heap; taking away from the middle (a client that left) marks the entry, which is dropped when it
 * comes up.
 */
export interface QueueEntry {
  readonly priority: number;
  /** Milliseconds on the caller's clock; Infinity for none. */
  readonly deadline: number;
}

interface Held<T> {
  readonly entry: T;
  readonly order: number;
}

/** Fewer marks than this are not worth a rebuild. */
const SWEEP_FROM = 64;

export class RequestQueue<T extends QueueEntry> {
  readonly #heap: Held<T>[] = [];
  readonly #removed = new Set<T>();
  #order = 0;

  get length(): number {
    return this.#heap.length - this.#removed.size;
  }

  push(entry: T): void {
    const heap = this.#heap;
    const held = { entry, order: this.#order++ };
    let at = heap.length;
    heap.push(held);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Held<T>;
      if (!before(held, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = held;
  }

  /** The entry that is served next; it stays in the queue. */
  peek(): T | undefined {
    while (this.#heap.length > 0) {
      const { entry } = this.#heap[0] as Held<T>;
      if (!this.#removed.delete(entry)) return entry;
      this.#popHeap();
    }
    return undefined;
  }

  /** Takes the entry that is served next. */
  pop(): T | undefined {
    const entry = this.peek();
    if (entry !== undefined) this.#popHeap();
    return entry;
  }

  /** Takes away an entry that is in the queue, wherever it stands. */
  remove(entry: T): void {
    this.#removed.add(entry);
    // Marks behind a long-lived head would hold their requests for ever.
    if (this.#removed.size > SWEEP_FROM && this.#removed.size > this.#heap.length / 2) this.#sweep();
  }

  /** Everything that waits, in no particular order. */
  *[Symbol.iterator](): Generator<T> {
    for (const { entry } of this.#heap) if (!this.#removed.has(entry)) yield entry;
  }

  #sweep(): void {
    const kept = this.#heap.filter(({ entry }) => !this.#removed.has(entry));
    this.#removed.clear();
    // Sorted is a heap.
    kept.sort((a, b) => (before(a, b) ? -1 : 1));
    this.#heap.splice(0, this.#heap.length, ...kept);
  }

  #popHeap(): void {
    const heap = this.#heap;
    const last = heap.pop() as Held<T>;
    const length = heap.length;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && before(heap[child + 1] as Held<T>, heap[child] as Held<T>)) child++;
      const below = heap[child] as Held<T>;
      if (!before(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function before<T extends QueueEntry>(a: Held<T>, b: Held<T>): boolean {
  if (a.entry.priority !== b.entry.priority) return a.entry.priority < b.entry.priority;
  if (a.entry.deadline !== b.entry.deadline) return a.entry.deadline < b.entry.deadline;
  return a.order < b.order;
}
