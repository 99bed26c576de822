/** What the zoo knows of a family of networks: its parameters, its sizes that have a name, and how it is built. */
import type { GraphBuilder, Initialization } from '../ops/index.ts';

/** A number that sizes of a family differ by. */
export interface Parameter {
  /** For help texts: 'layers', 'multiplies the channels'. */
  readonly about: string;
  /** Without one it must be given. */
  readonly default?: number;
  /** What it may be: one of a list, or `from`, `from + step`, …; any number above 0 where absent. */
  readonly values?: readonly number[] | { readonly from: number; readonly step: number };
}

export interface Family<Key extends string = string> {
  /** For people, with its source. */
  readonly title: string;
  readonly parameters: Readonly<Record<Key, Parameter>>;
  /** Sizes by name: the parameters that the name fixes. The others can still be given. */
  readonly sizes: Readonly<Record<string, Readonly<Partial<Record<Key, number>>>>>;
  /** Of the weights of convolutions, as in the networks that it is compared with. */
  readonly initialization: Initialization;
  /** Adds the network to `b`: [N, C, H, W] → logits [N, classes]. */
  build(b: GraphBuilder, images: string, parameters: Readonly<Record<Key, number>>, classes: number): string;
}
