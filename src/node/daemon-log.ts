import { Failure } from '../contract/failure.ts'

/** How much a line matters, the least first; Go's names. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'dpanic', 'panic', 'fatal'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** One line of the log. */
export interface LogEntry {
  readonly level: LogLevel
  /** ISO 8601. */
  readonly ts: string
  readonly logger: string
  readonly msg: string
}

/** Lines that a slow follower may lag behind before it loses the oldest. */
const LAG_MAX = 10_000
const SUBSYSTEMS_MAX = 1_000
const INITIAL: LogLevel = 'error'
const SUBSYSTEMS = ['bitswap', 'core', 'dht', 'gateway', 'gc', 'net', 'provider', 'pubsub', 'repo', 'rpc'] as const

/** The log of a daemon: subsystems, each with a level of its own, written to one sink and to whoever follows it. */
export class DaemonLog {
  readonly #levels = new Map<string, LogLevel>(SUBSYSTEMS.map(name => [name, INITIAL]))
  readonly #followers = new Set<(entry: LogEntry) => void>()
  readonly #write: (entry: LogEntry) => void
  #default: LogLevel = INITIAL

  /** `setting` is that of GOLOG_LOG_LEVEL: `error,bitswap=debug`. What it does not understand is ignored. */
  constructor(write: (entry: LogEntry) => void, setting = '') {
    this.#write = write
    for (const part of setting.split(',')) {
      const [name, level] = part.includes('=') ? part.split('=') : ['*', part]
      if (name !== undefined && name !== '' && isLevel(level)) this.#set(name, level)
    }
  }

  /** Writes a line, when the level of the subsystem lets it through. */
  write(logger: string, level: LogLevel, msg: string): void {
    if (!this.#levels.has(logger) && this.#levels.size < SUBSYSTEMS_MAX) this.#levels.set(logger, this.#default)
    if (!this.isOn(logger, level)) return
    const entry: LogEntry = { level, ts: new Date().toISOString(), logger, msg }
    this.#write(entry)
    for (const follow of this.#followers) follow(entry)
  }

  /** Returns whether a line of this level would be written: for what is costly to describe. */
  isOn(logger: string, level: LogLevel): boolean {
    return rank(level) >= rank(this.#levels.get(logger) ?? this.#default)
  }

  get defaultLevel(): LogLevel {
    return this.#default
  }

  /** Returns the level of each subsystem, by name. */
  levels(): Record<string, LogLevel> {
    return Object.fromEntries([...this.#levels].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Returns the level of a subsystem. Throws `not-found`. */
  level(logger: string): LogLevel {
    const level = this.#levels.get(logger)
    if (level === undefined) throw noLogger()
    return level
  }

  /**
   * Sets the level of a subsystem, or, with `*`, of all and of those to come. Any name is taken, as in Kubo: scripts name
   * its subsystems. Throws `usage`, and `not-found` Failures once there are too many.
   */
  setLevel(logger: string, level: string): void {
    if (!isLevel(level)) {
      throw new Failure('usage', `unrecognized level: "${level}"`, { hint: `use one of ${LOG_LEVELS.join(', ')}` })
    }
    if (logger !== '*' && !this.#levels.has(logger) && this.#levels.size >= SUBSYSTEMS_MAX) throw noLogger()
    this.#set(logger, level)
  }

  #set(logger: string, level: LogLevel): void {
    if (logger !== '*') {
      this.#levels.set(logger, level)
      return
    }
    this.#default = level
    for (const name of this.#levels.keys()) this.#levels.set(name, level)
  }

  /** Yields lines from now on, until the signal aborts; throws when time is up. One who is too slow loses the oldest. */
  async *follow(least: LogLevel | undefined, signal: AbortSignal): AsyncGenerator<LogEntry> {
    const waiting: LogEntry[] = []
    let wake = Promise.withResolvers<void>()
    const take = (entry: LogEntry): void => {
      if (least !== undefined && rank(entry.level) < rank(least)) return
      if (waiting.length >= LAG_MAX) waiting.shift()
      waiting.push(entry)
      wake.resolve()
    }
    const stop = (): void => wake.resolve()
    this.#followers.add(take)
    signal.addEventListener('abort', stop)
    try {
      while (!signal.aborted) {
        const entry = waiting.shift()
        if (entry !== undefined) yield entry
        else {
          wake = Promise.withResolvers()
          await wake.promise
        }
      }
      // That time is up is a failure; that the daemon stops is the end of its log.
      if (signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError') throw signal.reason
    } finally {
      this.#followers.delete(take)
      signal.removeEventListener('abort', stop)
    }
  }
}

/** Returns true for the name of a level. */
export function isLevel(text: string | undefined): text is LogLevel {
  return LOG_LEVELS.some(level => level === text)
}

/** Returns a line of the log as Go's logger prints it without colour. */
export function logLine({ ts, level, logger, msg }: LogEntry): string {
  return `${ts}\t${level.toUpperCase()}\t${logger}\t${msg.replaceAll('\n', '\n\t')}\n`
}

function rank(level: LogLevel): number {
  return LOG_LEVELS.indexOf(level)
}

function noLogger(): Failure {
  return new Failure('not-found', 'error: No such logger', { hint: 'list them with: tsipfs log ls' })
}
