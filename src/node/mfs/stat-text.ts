import { sizeText } from '../../contract/size-text.ts'

/** What Go's `os.FileMode` writes for its upper bits, from the highest down. */
const TYPE_LETTERS = 'dalTLDpSugct?'
const PERMISSION_LETTERS = 'rwxrwxrwx'

/** Returns a mode as Go writes it, in lower case: `-rw-r--r--`, `drwxr-xr-x`. */
export function goModeText(mode: number): string {
  let types = ''
  for (const [at, letter] of [...TYPE_LETTERS].entries()) if (((mode >>> (31 - at)) & 1) === 1) types += letter
  const permissions = [...PERMISSION_LETTERS].map((letter, at) => (((mode >>> (8 - at)) & 1) === 1 ? letter : '-'))
  return `${types === '' ? '-' : types}${permissions.join('')}`.toLowerCase()
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Returns a time like `5 Nov 2021, 12:30:00 UTC`. */
export function timeText(seconds: number): string {
  const date = new Date(seconds * 1000)
  if (Number.isNaN(date.getTime())) return `${seconds} s after 1970`
  const clock = date.toISOString().slice(-13, -5)
  return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}, ${clock} UTC`
}

/** Returns the line that tells how much of a DAG is local. */
export function localityText(local: number, total: number): string {
  return `Local: ${sizeText(local)} of ${sizeText(total)} (${((100 * local) / total).toFixed(2)}%)\n`
}
