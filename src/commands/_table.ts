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

/** Like `alignColumns`, line by line: where all have as many columns no more is held than the lines. */
export function* alignedLines(lines: readonly string[], widthMin: number, padding = 1): Iterable<string> {
  const widths: number[] = []
  for (const [nth, line] of lines.entries()) {
    const cells = line.split('\t')
    if (nth > 0 && cells.length !== widths.length) {
      yield* alignColumns(lines, widthMin, padding)
      return
    }
    for (const [column, cell] of cells.entries()) {
      widths[column] = Math.max(widths[column] ?? widthMin, lengthOf(cell) + padding)
    }
  }
  // What follows the last tab is left as it is.
  widths.pop()
  for (const line of lines) {
    let text = ''
    for (const [column, cell] of line.split('\t').entries()) text += padded(cell, widths[column])
    yield text
  }
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
