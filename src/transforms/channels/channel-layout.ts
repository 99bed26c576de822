/** Where the channels of a value lie. */

/**
 * Channels along one axis or, while a value is reshaped for a shuffle, along several neighbouring ones. Every other axis
 * is the same for all channels. A flattened map has each channel several times in a row.
 */
export interface ChannelBlock {
  /** The first of its axes. */
  readonly axis: number;
  readonly axes: number;
  /** The atom at each index, row-major. */
  readonly atoms: Int32Array;
  /** Of a block of several axes: the axis that it was split from, and the index there of each element. */
  readonly origin?: { readonly value: string; readonly axis: number; readonly indices: Int32Array };
}

export type ChannelLayout = readonly ChannelBlock[];

/** What a slice of an initializer does for its channel. */
export type ChannelRole =
  /** It makes the channel: a filter, a row of a fully connected layer. */
  | 'output'
  /** It is the weight of the channel in what is made from it. */
  | 'input'
  | 'bias'
  /** It multiplies the channel: the scale of a normalisation. */
  | 'scale'
  /** It is added to the channel. */
  | 'shift'
  /** Running mean and variance, bounds, slopes: nothing that makes the channel larger or smaller by itself. */
  | 'statistic';
