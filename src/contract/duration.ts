import { Failure } from './failure.ts'

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y

/** Returns the milliseconds of a Go duration (`1h30m`, `300ms`, `1.5s`). Throws a `usage` Failure. */
export function parseDuration(text: string, subject = 'duration'): number {
  const negative = text.startsWith('-')
  const body = text.replace(/^[+-]/, '')
  if (body === '0') return 0
  let total = 0
  let at = 0
  while (at < body.length) {
    PART.lastIndex = at
    const match = PART.exec(body)
    if (match === null) break
    total += Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0)
    at = PART.lastIndex
  }
  if (at === 0 || at < body.length || !Number.isFinite(total)) {
    throw new Failure('usage', `invalid ${subject} "${text}"`, { hint: 'write it like 300ms, 30s, 5m or 1h30m' })
  }
  return negative ? -total : total
}

/** Returns a duration as Go prints it: `1m30s`, `1.5s`, `300ms`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 1e-3) return `${trim(ms * 1e6)}ns`
  if (ms < 1) return `${trim(ms * 1e3)}µs`
  if (ms < 1000) return `${trim(ms)}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = trim((ms % 60_000) / 1000)
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`
}

function trim(value: number): string {
  return String(Number(value.toFixed(9)))
}
