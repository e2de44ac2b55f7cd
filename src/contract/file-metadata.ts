import type { BigIntStats } from 'node:fs'
import type { SourceEntry } from './source.ts'

const SECOND = 1_000_000_000n

/** Returns mode and time of modification of a file, to the nanosecond: a number of milliseconds holds no more than some hundred of them. */
export function fileMetadata(stat: BigIntStats): Required<Pick<SourceEntry, 'mode' | 'mtime'>> {
  const nanoseconds = BigInt.asUintN(64, ((stat.mtimeNs % SECOND) + SECOND) % SECOND)
  const seconds = Number((stat.mtimeNs - nanoseconds) / SECOND)
  return { mode: Number(stat.mode & 0o7777n), mtime: { seconds, nanoseconds: Number(nanoseconds) } }
}
