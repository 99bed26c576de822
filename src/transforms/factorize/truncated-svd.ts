/**
 * The best approximation of a matrix by one of lower rank (Eckart and Young, 1936), as two factors that share its
 * singular values evenly. The singular vectors of the shorter side come from the matrix times its own transpose, the other
 * factor from multiplying by them: whatever the square costs small singular values in precision, orthonormal vectors
 * lose nothing at full rank.
 */
import { gram, type Matrix, matrix, multiply, transposed } from '../matrix.ts';
import { symmetricEigen } from './symmetric-eigen.ts';

export interface Factors {
  /** [rows, rank] */
  readonly left: Matrix;
  /** [rank, columns] */
  readonly right: Matrix;
}

/** @param rank from 1 to the length of the shorter side */
export function truncatedSvd(a: Matrix, rank: number): Factors {
  if (a.rows > a.columns) {
    const { left, right } = truncatedSvd(transposed(a), rank);
    return { left: transposed(right), right: transposed(left) };
  }
  // Rows of `vectors` are left singular vectors, those of `right` right ones times their singular value.
  const { vectors } = symmetricEigen(gram(a), rank);
  const right = multiply(vectors, a);
  const left = matrix(a.rows, rank);
  for (let r = 0; r < rank; r++) {
    const row = right.data.subarray(r * a.columns, (r + 1) * a.columns);
    const root = Math.sqrt(norm(row)) || 1;
    for (let i = 0; i < a.rows; i++) left.data[i * rank + r] = (vectors.data[r * a.rows + i] as number) * root;
    for (let k = 0; k < row.length; k++) row[k] = (row[k] as number) / root;
  }
  return { left, right };
}

function norm(vector: Float64Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
}

/** Squares of the singular values, the largest first: how much of the sum of squares each rank holds. */
export function singularEnergies(a: Matrix): Float64Array {
  const { values } = symmetricEigen(gram(a.rows > a.columns ? transposed(a) : a), 0);
  return values.map((value) => Math.max(value, 0));
}
