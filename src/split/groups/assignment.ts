/**
 * The assignment problem: each row gets a column of its own so that the sum of costs is least. Shortest augmenting paths
 * with potentials (Jonker and Volgenant 1987), O(rows² · columns): exact.
 */
import { SkeinError } from '../../base/index.ts';

/**
 * @param costs by row; `Infinity` for what must not be
 * @returns the column of each row
 * @throws SkeinError 'invalid-argument' where there are fewer columns than rows, or no assignment avoids `Infinity`
 */
export function assign(costs: readonly Float64Array[]): number[] {
  const columns = costs[0]?.length ?? 0;
  if (columns < costs.length) {
    throw new SkeinError(
      'invalid-argument',
      `Cannot assign ${costs.length} rows to columns of their own: there are ${columns} columns`,
    );
  }
  // What a column costs less, or a row more, than the cheapest way so far; column 0 stands for none.
  const ofRow = new Float64Array(costs.length + 1);
  const ofColumn = new Float64Array(columns + 1);
  const rowOf = new Int32Array(columns + 1);
  for (let row = 1; row <= costs.length; row++) augment(row, { costs, ofRow, ofColumn, rowOf });
  const columnOf = new Array<number>(costs.length).fill(-1);
  for (let column = 1; column <= columns; column++) {
    const row = rowOf[column] ?? 0;
    if (row > 0) columnOf[row - 1] = column - 1;
  }
  return columnOf;
}

interface State {
  readonly costs: readonly Float64Array[];
  readonly ofRow: Float64Array;
  readonly ofColumn: Float64Array;
  /** From 1; 0 for a column that is free. */
  readonly rowOf: Int32Array;
}

/** Gives one more row a column, moving others along the cheapest path. */
function augment(first: number, { costs, ofRow, ofColumn, rowOf }: State): void {
  const columns = ofColumn.length - 1;
  const least = new Float64Array(columns + 1).fill(Number.POSITIVE_INFINITY);
  const before = new Int32Array(columns + 1);
  const seen = new Uint8Array(columns + 1);
  rowOf[0] = first;
  let at = 0;
  do {
    seen[at] = 1;
    const row = rowOf[at] as number;
    let [delta, next] = [Number.POSITIVE_INFINITY, -1];
    for (let column = 1; column <= columns; column++) {
      if (seen[column]) continue;
      const reduced = (costs[row - 1]?.[column - 1] as number) - (ofRow[row] as number) - (ofColumn[column] as number);
      if (reduced < (least[column] as number)) {
        least[column] = reduced;
        before[column] = at;
      }
      if ((least[column] as number) < delta) [delta, next] = [least[column] as number, column];
    }
    if (next < 0) {
      throw new SkeinError(
        'invalid-argument',
        `Cannot assign row ${first - 1}: every column that is left is forbidden`,
      );
    }
    for (let column = 0; column <= columns; column++) {
      if (seen[column]) {
        const held = rowOf[column] as number;
        ofRow[held] = (ofRow[held] as number) + delta;
        ofColumn[column] = (ofColumn[column] as number) - delta;
      } else least[column] = (least[column] as number) - delta;
    }
    at = next;
  } while (rowOf[at] !== 0);
  while (at !== 0) {
    const from = before[at] as number;
    rowOf[at] = rowOf[from] as number;
    at = from;
  }
}
