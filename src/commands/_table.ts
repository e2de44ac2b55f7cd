/**
 * Aligns tab-separated lines as Go's `text/tabwriter` does with spaces and no flags: a column is as
 * wide as its widest cell and a padding, over each run of lines that have it; what follows the last tab is left as it is.
 */
export function alignColumns(lines: readonly string[], widthMin: number, padding = 1): string[] {
  const rows = lines.map(line => line.split('\t'))
  const widths = rows.map(row => new Array<number>(row.length - 1).fill(0))
  const columnsMax = rows.reduce((most, row) => Math.max(most, row.length - 1), 0)
  for (let column = 0; column < columnsMax; column++) {
    for (let from = 0; from < rows.length; ) {
      let to = from
      let width = widthMin
      for (; column < (rows[to]?.length ?? 0) - 1; to++) width = Math.max(width, lengthOf(rows[to]?.[column]) + padding)
      for (let at = from; at < to; at++) (widths[at] ?? [])[column] = width
      from = Math.max(to, from + 1)
    }
  }
  return rows.map((row, nth) => row.map((cell, column) => padded(cell, widths[nth]?.[column])).join(''))
}

function padded(cell: string, width: number | undefined): string {
  return width === undefined ? cell : cell + ' '.repeat(Math.max(0, width - lengthOf(cell)))
}

const SURROGATE = /[\ud800-\udfff]/

/** Returns the number of code points, as Go counts. */
function lengthOf(cell: string | undefined): number {
  if (cell === undefined) return 0
  if (!SURROGATE.test(cell)) return cell.length
  let length = 0
  for (const _ of cell) length += 1
  return length
}
