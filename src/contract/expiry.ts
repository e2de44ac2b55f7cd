import { parseDuration } from './duration.ts'
import { Failure } from './failure.ts'

const DAY_MS = 24 * 60 * 60 * 1000
const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/

/**
 * Returns the time at which something ends, in milliseconds since 1970: `30d`, `2w` and Go's durations count from
 * `now`; RFC 3339 times (`2030-01-31`, `2030-01-31T12:00:00Z`) are taken as they are; `never` is undefined. Throws a
 * `usage` Failure for another text and for a time that has passed.
 */
export function parseExpiry(text: string, now: number): number | undefined {
  if (text === 'never') return undefined
  const expires = timeOf(text, now)
  if (expires <= now) throw new Failure('usage', `"${text}" is not in the future`)
  return expires
}

function timeOf(text: string, now: number): number {
  const days = /^(\d{1,6})([dw])$/.exec(text)
  if (days !== null) return now + Number(days[1]) * DAY_MS * (days[2] === 'w' ? 7 : 1)
  const time = DATE.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return time
  try {
    return now + Math.round(parseDuration(text))
  } catch (error) {
    throw new Failure('usage', `invalid time "${text}"`, {
      hint: 'write it like 30d, 2w, 12h, 2030-01-31, 2030-01-31T12:00:00Z or never',
      cause: error,
    })
  }
}

/** Returns labels from `key=value` words. Throws a `usage` Failure. */
export function parseLabels(words: readonly string[]): Record<string, string> {
  const labels: [string, string][] = []
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 1) throw new Failure('usage', `invalid label "${word}"`, { hint: 'write --label key=value' })
    labels.push([word.slice(0, at), word.slice(at + 1)])
  }
  const bytes = Buffer.byteLength(JSON.stringify(labels))
  if (bytes > LABEL_BYTES_MAX) throw new Failure('usage', `labels take ${bytes} bytes (max ${LABEL_BYTES_MAX} bytes)`)
  return Object.fromEntries(labels)
}

const LABEL_BYTES_MAX = 4096
