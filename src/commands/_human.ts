import { formatDuration } from '../contract/duration.ts'

const UNITS = ['', 'k', 'M', 'G', 'T', 'P', 'E']

/** Returns a number with commas between thousands, and so many decimals at most. */
export function withCommas(value: number, decimals: number): string {
  const [whole = '0', fraction = ''] = value.toFixed(decimals).split('.')
  const digits = fraction.replace(/0+$/, '')
  return whole.replace(/\B(?=(\d{3})+$)/g, ',') + (digits === '' ? '' : `.${digits}`)
}

/** Returns a number in thousands, millions and so on: `12.3k`. */
export function inSi(value: number, decimals: number): string {
  let unit = 0
  let scaled = value
  for (; scaled >= 1000 && unit < UNITS.length - 1; unit += 1) scaled /= 1000
  return withCommas(scaled, decimals) + (UNITS[unit] ?? '')
}

/** Returns a number shortly, and in full in a column of its own when that differs. */
export function inBoth(value: number): string {
  const short = inSi(value, 0)
  const full = withCommas(value, 0)
  return short === full ? short : `${short}\t(${full})`
}

/** Returns a duration as Kubo shows it: to tenths of a second, below a second to microseconds. */
export function shortDuration(ms: number): string {
  return formatDuration(ms > 1000 ? Math.floor(ms / 100) * 100 : Math.floor(ms * 1000) / 1000)
}

/** Returns a moment as `2006-01-02 15:04:05`, local time. */
export function timeText(ms: number): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const at = new Date(ms)
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`
}
