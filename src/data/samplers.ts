/**
 * Which images an epoch of training has, and in which order. The order of an epoch follows from the seed and the epoch
 * alone, so that training can go on at any of them.
 */
import { Random, SkeinError, seedOf } from '../base/index.ts';

export interface Sampler {
  /** Images in an epoch, repeated ones included. */
  readonly size: number;
  /** @param epoch from 0 */
  order(epoch: number): Uint32Array;
}

/** Every image once. */
export function shuffledSampler(size: number, seed: number): Sampler {
  return { size, order: (epoch) => streamOf(seed, epoch).shuffle(Uint32Array.from({ length: size }, (_, i) => i)) };
}

/** The first `size` images of each of another's epochs: epochs that are parts of one. */
export function partSampler(sampler: Sampler, size: number): Sampler {
  return { size: Math.min(size, sampler.size), order: (epoch) => sampler.order(epoch).slice(0, size) };
}

/**
 * Every class as often as any other: each once in every run of as many images as there are classes. Images of a rare
 * class come several times an epoch, each as often as the others of its class, give or take one; of a frequent class a
 * new part comes each epoch.
 *
 * @param size images in an epoch; as many as there are unless told
 */
export function balancedSampler(labels: Int32Array, seed: number, size = labels.length): Sampler {
  const members = [...indicesByClass(labels).entries()].sort(([a], [b]) => a - b).map(([, indices]) => indices);
  return {
    size,
    order(epoch) {
      const random = streamOf(seed, epoch);
      const decks = members.map((indices) => new Deck(indices, random));
      const order = new Uint32Array(size);
      for (let i = 0; i < size; i += decks.length) {
        const run = random.shuffle([...decks]).slice(0, size - i);
        order.set(
          run.map((deck) => deck.draw()),
          i,
        );
      }
      return order;
    },
  };
}

/**
 * Half positives, half negatives, for a model of some of the classes: each image of `positives` once, and beside each one
 * picked at random from the rest, anew each epoch (Wang et al., sensAI: the retraining of binary classifiers).
 *
 * @param positives classes
 * @throws {SkeinError} 'invalid-argument' where one half has no images
 */
export function halfPositiveSampler(labels: Int32Array, positives: Iterable<number>, seed: number): Sampler {
  const wanted = new Set(positives);
  const all = Array.from(labels, (_, i) => i);
  const yes = all.filter((i) => wanted.has(labels[i] as number));
  const no = all.filter((i) => !wanted.has(labels[i] as number));
  if (yes.length === 0 || no.length === 0) {
    throw new SkeinError(
      'invalid-argument',
      `Half positives, half negatives: expected images of classes ${[...wanted].join(', ')} and of others, received ${yes.length} and ${no.length}`,
    );
  }
  return {
    size: 2 * yes.length,
    order(epoch) {
      const random = streamOf(seed, epoch);
      const negatives = new Deck(no, random);
      return Uint32Array.from(
        random.shuffle([...yes]).flatMap((positive) => random.shuffle([positive, negatives.draw()])),
      );
    },
  };
}

/**
 * A weight a class, so that every class counts as much in a loss: images / (classes that have any × images of the class);
 * 0 where it has none. Weighted by these the images count as many as they are.
 */
export function inverseFrequencyWeights(labels: Int32Array, classes: number): Float32Array {
  const counts = new Uint32Array(classes);
  for (const label of labels) counts[label] = (counts[label] as number) + 1;
  const present = counts.filter((count) => count > 0).length;
  return Float32Array.from(counts, (count) => (count === 0 ? 0 : labels.length / (present * count)));
}

/** Draws without putting back; shuffled anew once it is empty. */
class Deck {
  readonly #items: number[];
  readonly #random: Random;
  #left: number;

  constructor(items: readonly number[], random: Random) {
    this.#items = [...items];
    this.#random = random;
    this.#left = 0;
  }

  draw(): number {
    if (this.#left === 0) {
      this.#random.shuffle(this.#items);
      this.#left = this.#items.length;
    }
    return this.#items[--this.#left] as number;
  }
}

function streamOf(seed: number, epoch: number): Random {
  return new Random(seedOf(seed, epoch));
}

function indicesByClass(labels: Int32Array): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const [i, label] of labels.entries()) {
    const indices = found.get(label);
    if (indices === undefined) found.set(label, [i]);
    else indices.push(i);
  }
  return found;
}
