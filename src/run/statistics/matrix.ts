/** Small dense matrices. */

/** The inverse, by Gauss–Jordan elimination with row pivots. Throws a RangeError for a singular matrix. */
export function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let column = 0; column < size; column++) {
    let pivot = column;
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(rows[row]?.[column] ?? 0) > Math.abs(rows[pivot]?.[column] ?? 0)) pivot = row;
    }
    const head = rows[pivot] as number[];
    const factor = head[column] as number;
    if (!(Math.abs(factor) > 1e-300)) throw new RangeError("The matrix is singular.");
    rows[pivot] = rows[column] as number[];
    rows[column] = head.map((value) => value / factor);
    const unit = rows[column] as number[];
    for (const [index, row] of rows.entries()) {
      const times = row[column] as number;
      if (index === column || times === 0) continue;
      rows[index] = row.map((value, j) => value - times * (unit[j] as number));
    }
  }
  return rows.map((row) => row.slice(size));
}
