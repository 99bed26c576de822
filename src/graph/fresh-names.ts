/** Names that are taken, and new ones that are not: 'base', 'base_1', 'base_2' … */
export class FreshNames {
  readonly #taken: Set<string>;
  /** Where the search for a free number starts, by base; below it none is free. */
  readonly #next = new Map<string, number>();

  constructor(taken: Iterable<string> = []) {
    this.#taken = new Set(taken);
  }

  has(name: string): boolean {
    return this.#taken.has(name);
  }

  take(name: string): void {
    this.#taken.add(name);
  }

  /** `base`, or with a number after it; it is taken from then on. */
  make(base: string): string {
    let name = base;
    let i = this.#next.get(base) ?? 1;
    if (this.#taken.has(name)) {
      do name = `${base}_${i++}`;
      while (this.#taken.has(name));
      this.#next.set(base, i);
    }
    this.#taken.add(name);
    return name;
  }
}
