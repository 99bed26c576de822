/**
 * Relative positions (Han et al. 2016, section 2): of each weight that is not zero, how many zeros lie between it and the
 * one before, in b bits; where more than 2^b − 1 do, a filler, a zero that is written down, comes in between.
 */

/** What is stored of a sparse tensor: an entry for each weight that is not zero, and the fillers. */
export interface SparseEntries {
  /** Zeros before each entry: below 2^b. */
  readonly gaps: Uint16Array;
  /** 0 for fillers. */
  readonly codes: Uint16Array;
}

/** @param codes of each element, 0 where it is zero @param indexBits b, 1 to 8 */
export function sparseEntries(codes: Uint16Array, indexBits: number): SparseEntries {
  const span = 2 ** indexBits;
  let count = 0;
  for (let i = 0, gap = 0; i < codes.length; i++) {
    // A filler at the end of every span without a weight, behind the last weight too.
    if (codes[i] !== 0 || gap === span - 1) {
      count++;
      gap = 0;
    } else gap++;
  }
  const entries = { gaps: new Uint16Array(count), codes: new Uint16Array(count) };
  for (let i = 0, gap = 0, at = 0; i < codes.length; i++) {
    const code = codes[i] as number;
    if (code !== 0 || gap === span - 1) {
      entries.gaps[at] = gap;
      entries.codes[at++] = code;
      gap = 0;
    } else gap++;
  }
  return entries;
}

/**
 * Writes the entries' values to their places.
 * @param values by code @param into zeros
 * @throws Error where they do not end in the last span of `into`
 */
export function placeEntries(
  { gaps, codes }: SparseEntries,
  values: Uint32Array,
  into: Uint32Array,
  indexBits: number,
): void {
  let at = -1;
  for (let i = 0; i < gaps.length; i++) {
    at += (gaps[i] as number) + 1;
    if (at >= into.length) throw new Error('its positions go beyond its end');
    into[at] = values[codes[i] as number] as number;
  }
  if (into.length - 1 - at >= 2 ** indexBits) throw new Error('its positions end before its end');
}
