import type { Daemon } from './daemon.ts'
import { DaemonLog, logLine } from './daemon-log.ts'
import { RequestList } from './request-list.ts'

/** What a running daemon keeps about itself. */
export class DaemonState implements Daemon {
  readonly requests = new RequestList()
  readonly log: DaemonLog
  readonly startedAt = Date.now()
  readonly #stopping = new AbortController()
  #stoppedAt: number | undefined

  /** `logLevel` is the setting of GOLOG_LOG_LEVEL; `write` takes lines of the log. */
  constructor(logLevel: string, write: (line: string) => void) {
    this.log = new DaemonLog(entry => write(logLine(entry)), logLevel)
  }

  get stoppedAt(): number | undefined {
    return this.#stoppedAt
  }

  /** Aborts when the daemon is told to stop. */
  get signal(): AbortSignal {
    return this.#stopping.signal
  }

  stop(): void {
    this.#stoppedAt ??= Date.now()
    this.#stopping.abort(new DOMException('the daemon is stopping', 'AbortError'))
  }
}
