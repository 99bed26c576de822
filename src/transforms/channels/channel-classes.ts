/**
 * Which channels live and die together: a union-find over atoms, one for each index along a channel axis. A class that
 * must stay as it is has the reason for it.
 */
export class ChannelClasses {
  #parents = new Int32Array(1024);
  #count = 0;
  /** By root; the first reason that was given stays. */
  readonly #fixed = new Map<number, string>();

  get count(): number {
    return this.#count;
  }

  /** New atoms, each a class of its own. */
  fresh(count: number): Int32Array {
    while (this.#count + count > this.#parents.length) {
      const longer = new Int32Array(2 * this.#parents.length);
      longer.set(this.#parents);
      this.#parents = longer;
    }
    const atoms = Int32Array.from({ length: count }, (_, i) => this.#count + i);
    for (const atom of atoms) this.#parents[atom] = atom;
    this.#count += count;
    return atoms;
  }

  /** The atom that stands for the class. */
  rootOf(atom: number): number {
    let root = atom;
    for (let next = this.#parent(root); next !== root; next = this.#parent(root)) root = next;
    for (let at = atom; at !== root; ) {
      const next = this.#parent(at);
      this.#parents[at] = root;
      at = next;
    }
    return root;
  }

  unite(a: number, b: number): void {
    const [rootA, rootB] = [this.rootOf(a), this.rootOf(b)];
    if (rootA === rootB) return;
    // The older atom leads, so that classes come in the order of the graph.
    const [root, other] = rootA < rootB ? [rootA, rootB] : [rootB, rootA];
    this.#parents[other] = root;
    const reason = this.#fixed.get(root) ?? this.#fixed.get(other);
    this.#fixed.delete(other);
    if (reason !== undefined) this.#fixed.set(root, reason);
  }

  fix(atoms: Iterable<number>, reason: string): void {
    for (const atom of atoms) {
      const root = this.rootOf(atom);
      if (!this.#fixed.has(root)) this.#fixed.set(root, reason);
    }
  }

  /** Why the atom's class must stay; undefined if it may go. */
  reasonOf(atom: number): string | undefined {
    return this.#fixed.get(this.rootOf(atom));
  }

  #parent(atom: number): number {
    return this.#parents[atom] ?? atom;
  }
}
