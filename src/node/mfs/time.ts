/** A modification time as UnixFS stores it. */
export interface UnixFsTime {
  readonly seconds: number
  readonly nanoseconds: number
}

const SECOND_NS = 1_000_000_000

/** Returns the present time. */
export function now(): UnixFsTime {
  const ms = Date.now()
  return { seconds: Math.floor(ms / 1000), nanoseconds: (ms % 1000) * 1_000_000 }
}

/** Returns the time that the options of `files touch` say; without seconds it is now. */
export function timeOf(seconds: number | undefined, nanoseconds: number | undefined): UnixFsTime {
  if (seconds === undefined || seconds === 0) return now()
  const extra = nanoseconds ?? 0
  return { seconds: seconds + Math.floor(extra / SECOND_NS), nanoseconds: extra % SECOND_NS }
}
