/** Conditions and ranges of requests, as RFC 9110 has them. */

/** A part of a representation. */
export interface ByteRange {
  readonly start: number
  readonly length: number
}

/** Returns whether an `If-None-Match` header names one of the tags: strong and weak ones count the same. */
export function matchesTag(header: string | undefined, ...tags: readonly string[]): boolean {
  if (header === undefined) return false
  const known = new Set(tags.map(strip))
  return header.trim().startsWith('*') || tagsOf(header).some(tag => known.has(strip(tag)))
}

/** Returns whether an `If-Match` header admits the tag. */
export function admitsTag(header: string, tag: string): boolean {
  return header.trim().startsWith('*') || tagsOf(header).some(one => one === tag && !one.startsWith('W/'))
}

function tagsOf(header: string): string[] {
  return header.match(/(?:W\/)?"[^"\s]*"/g) ?? []
}

function strip(tag: string): string {
  return tag.replace(/^W\//, '')
}

/** Returns the second that a header names; undefined when it names none. */
export function secondOf(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return undefined
  const ms = Date.parse(header)
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000)
}

/** The ranges that a header asks for, before it is known how large the file is. */
interface Asked {
  /** Counted from the end when negative. */
  readonly from: number
  readonly to: number | undefined
}

/** Returns what a `Range` header asks for; undefined when it is malformed. */
export function parseRanges(header: string): readonly Asked[] | undefined {
  const match = /^bytes=(.*)$/.exec(header)
  if (match === null) return undefined
  const asked: Asked[] = []
  for (const part of (match[1] ?? '').split(',')) {
    if (part.trim() === '') continue
    const range = /^\s*(\d*)\s*-\s*(\d*)\s*$/.exec(part)
    if (range === null) return undefined
    const [from, to] = [range[1] ?? '', range[2] ?? '']
    if (from === '' && to === '') return undefined
    if (from === '') asked.push({ from: -Number(to), to: undefined })
    else if (to !== '' && Number(to) < Number(from)) return undefined
    else asked.push({ from: Number(from), to: to === '' ? undefined : Number(to) })
  }
  return asked.every(({ from, to }) => Number.isSafeInteger(from) && (to === undefined || Number.isSafeInteger(to)))
    ? asked
    : undefined
}

/**
 * Returns the first range that lies in a file of this size: only one is ever sent. `whole`: the header asks for
 * nothing; `none`: for nothing that there is.
 */
export function rangeIn(asked: readonly Asked[], size: number): ByteRange | 'whole' | 'none' {
  if (asked.length === 0 || size === 0) return 'whole'
  for (const { from, to } of asked) {
    if (from >= size) continue
    const start = from < 0 || Object.is(from, -0) ? Math.max(0, size + from) : from
    const length = Math.min(to ?? size - 1, size - 1) - start + 1
    if (length > 0) return { start, length }
  }
  return 'none'
}
