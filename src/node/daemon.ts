import type { DaemonLog } from './daemon-log.ts'
import type { RequestList } from './request-list.ts'

/** The daemon that a node belongs to, as commands that speak about it see it. */
export interface Daemon {
  /** Commands that run in it, and those that ended lately. */
  readonly requests: RequestList
  readonly log: DaemonLog
  /** In milliseconds since 1970. */
  readonly startedAt: number
  /** When it was told to stop; undefined while it works. */
  readonly stoppedAt: number | undefined
  /** Lets the daemon end: calls that are at work are aborted, then everything is closed. */
  stop(): void
}
