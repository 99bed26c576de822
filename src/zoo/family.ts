/** What the zoo knows of a family of networks: its parameters, its sizes that have a name, and how it is built. */
import type { Parameter } from '../base/index.ts';
import type { GraphBuilder, Initialization } from '../ops/index.ts';

export interface Family<Key extends string = string> {
  /** For people, with its source. */
  readonly title: string;
  readonly parameters: Readonly<Record<Key, Parameter>>;
  /** Sizes by name: the parameters that the name fixes. The others can still be given. */
  readonly sizes: Readonly<Record<string, Readonly<Partial<Record<Key, number>>>>>;
  /** Of the weights of convolutions, as in the networks that it is compared with. */
  readonly initialization: Initialization;
  /** The highest rate of SGD with momentum 0.9 that it learns from safely; 0.1 unless told. */
  readonly rate?: number;
  /** Adds the network to `b`: [N, C, H, W] → logits [N, classes]. */
  build(b: GraphBuilder, images: string, parameters: Readonly<Record<Key, number>>, classes: number): string;
}
