/** Moments as RFC 3339 writes them, with nanoseconds, which `Date` does not have: nanoseconds since 1970. */

const TEXT = /^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)$/
const NS_PER_MS = 1_000_000n

/** Returns the moment that a text names; undefined when it names none. */
export function parseMoment(text: string): bigint | undefined {
  const match = TEXT.exec(text)
  if (match === null) return undefined
  const ms = Date.parse(`${match[1]}T${match[2]}${match[4]}`)
  if (Number.isNaN(ms)) return undefined
  return BigInt(ms) * NS_PER_MS + BigInt((match[3] ?? '').slice(0, 9).padEnd(9, '0'))
}

/** Returns a moment in UTC, the zeros at its end left out, as Go's `time.RFC3339Nano`. */
export function formatMoment(ns: bigint): string {
  const fraction = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
  const seconds = new Date(Number((ns - fraction) / NS_PER_MS)).toISOString().slice(0, 19)
  const digits = String(fraction).padStart(9, '0').replace(/0+$/, '')
  return `${seconds}${digits === '' ? '' : `.${digits}`}Z`
}

/** Returns milliseconds since 1970 as a moment. */
export function momentOfMs(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n
}
