/**
 * The few dense products and solutions that factorising and pruning need, in double precision, tiled by hand: what is as
 * wide as VGG-19's kernels unfolded (512 × 4608) is done in about a second.
 */

/** Row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export function matrix(rows: number, columns: number, data: Float64Array = new Float64Array(rows * columns)): Matrix {
  return { rows, columns, data };
}

export function transposed({ rows, columns, data }: Matrix): Matrix {
  const out = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j] as number;
  }
  return matrix(columns, rows, out);
}

/** a · b */
export function multiply(a: Matrix, b: Matrix): Matrix {
  const [inner, columns] = [a.columns, b.columns];
  const [left, right] = [a.data, b.data];
  const out = matrix(a.rows, columns);
  const sums = out.data;
  for (let i = 0; i < a.rows; i++) {
    const at = i * columns;
    let k = 0;
    // Four rows of b at a time: each sum is loaded and stored a quarter as often.
    for (; k + 3 < inner; k += 4) {
      const from = i * inner + k;
      const [w0, w1] = [left[from] as number, left[from + 1] as number];
      const [w2, w3] = [left[from + 2] as number, left[from + 3] as number];
      const b0 = k * columns;
      const [b1, b2, b3] = [b0 + columns, b0 + 2 * columns, b0 + 3 * columns];
      for (let j = 0; j < columns; j++) {
        sums[at + j] =
          (sums[at + j] as number) +
          w0 * (right[b0 + j] as number) +
          w1 * (right[b1 + j] as number) +
          w2 * (right[b2 + j] as number) +
          w3 * (right[b3 + j] as number);
      }
    }
    for (; k < inner; k++) {
      const weight = left[i * inner + k] as number;
      for (let j = 0; j < columns; j++) {
        sums[at + j] = (sums[at + j] as number) + weight * (right[k * columns + j] as number);
      }
    }
  }
  return out;
}

/** a · aᵀ, symmetric to the bit. */
export function gram({ rows, columns, data }: Matrix): Matrix {
  const out = matrix(rows, rows);
  const put = (i: number, j: number, value: number): void => {
    if (i >= rows || j >= rows) return;
    out.data[i * rows + j] = value;
    out.data[j * rows + i] = value;
  };
  for (let i = 0; i < rows; i += 2) {
    for (let j = 0; j <= i; j += 2) {
      // Beyond the last row its own is read again, and what comes of it is not put.
      const [i0, j0] = [i * columns, j * columns];
      const [i1, j1] = [Math.min(i + 1, rows - 1) * columns, Math.min(j + 1, rows - 1) * columns];
      let [s00, s01, s10, s11] = [0, 0, 0, 0];
      for (let k = 0; k < columns; k++) {
        const [x0, x1] = [data[i0 + k] as number, data[i1 + k] as number];
        const [y0, y1] = [data[j0 + k] as number, data[j1 + k] as number];
        s00 += x0 * y0;
        s01 += x0 * y1;
        s10 += x1 * y0;
        s11 += x1 * y1;
      }
      put(i, j, s00);
      put(i, j + 1, s01);
      put(i + 1, j, s10);
      put(i + 1, j + 1, s11);
    }
  }
  return out;
}

/** The first rows. */
export function firstRows({ columns, data }: Matrix, rows: number): Matrix {
  return matrix(rows, columns, data.slice(0, rows * columns));
}

/** L, lower triangular, with L·Lᵀ = a; undefined where the symmetric matrix `a` is not positive definite. */
export function cholesky({ rows, data }: Matrix): Matrix | undefined {
  const l = matrix(rows, rows);
  for (let i = 0; i < rows; i++) {
    const own = l.data.subarray(i * rows, (i + 1) * rows);
    for (let j = 0; j <= i; j++) {
      const other = l.data.subarray(j * rows, (j + 1) * rows);
      let rest = data[i * rows + j] as number;
      for (let k = 0; k < j; k++) rest -= (own[k] as number) * (other[k] as number);
      if (i > j) own[j] = rest / (other[j] as number);
      else if (rest > 0) own[i] = Math.sqrt(rest);
      else return undefined;
    }
  }
  return l;
}

/** X with L·X = b, of a lower triangular L. */
export function solvedBelow(l: Matrix, b: Matrix): Matrix {
  const solved = matrix(b.rows, b.columns, b.data.slice());
  for (let i = 0; i < l.rows; i++) {
    for (let k = 0; k < i; k++) subtractRow(solved, i, k, l.data[i * l.rows + k] as number);
    divideRow(solved, i, l.data[i * l.rows + i] as number);
  }
  return solved;
}

/** X with Lᵀ·X = b, of a lower triangular L. */
export function solvedAbove(l: Matrix, b: Matrix): Matrix {
  const solved = matrix(b.rows, b.columns, b.data.slice());
  for (let i = l.rows - 1; i >= 0; i--) {
    for (let k = i + 1; k < l.rows; k++) subtractRow(solved, i, k, l.data[k * l.rows + i] as number);
    divideRow(solved, i, l.data[i * l.rows + i] as number);
  }
  return solved;
}

function subtractRow({ columns, data }: Matrix, from: number, row: number, times: number): void {
  if (times === 0) return;
  const [to, at] = [from * columns, row * columns];
  for (let c = 0; c < columns; c++) data[to + c] = (data[to + c] as number) - times * (data[at + c] as number);
}

function divideRow({ columns, data }: Matrix, row: number, by: number): void {
  for (let c = row * columns; c < (row + 1) * columns; c++) data[c] = (data[c] as number) / by;
}
