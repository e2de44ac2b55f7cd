/** A command that runs, or ran, in the daemon: Kubo's record. */
export interface RequestRecord {
  readonly StartTime: string
  /** Go's zero time while it runs. */
  readonly EndTime: string
  readonly Active: boolean
  readonly Command: string
  readonly Options: Readonly<Record<string, unknown>>
  readonly Args: readonly string[]
  readonly ID: number
}

/** What is listed of a command when it begins. */
export interface Request {
  readonly command: string
  readonly options: Readonly<Record<string, unknown>>
  readonly args: readonly string[]
}

const ZERO_TIME = '0001-01-01T00:00:00Z'
const KEEP_MS = 60 * 60 * 1000
const ENDED_MAX = 1_000
/** Of each argument and option so much is kept. */
const TEXT_CHARACTERS_MAX = 1_000
const ARGS_MAX = 100

interface Entry {
  readonly id: number
  readonly request: Request
  readonly start: number
  end: number | undefined
}

/** The commands that run in a daemon, and those that ended lately. */
export class RequestList {
  readonly #running = new Map<number, Entry>()
  /** In the order in which they ended. */
  readonly #ended = new Map<number, Entry>()
  readonly #now: () => number
  #keepMs = KEEP_MS
  #next = 0

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Adds a command. Returns what is to be called when it ends. */
  begin(request: Request): () => void {
    const entry: Entry = { id: this.#next++, request: shortened(request), start: this.#now(), end: undefined }
    this.#running.set(entry.id, entry)
    return () => {
      entry.end = this.#now()
      this.#running.delete(entry.id)
      this.#ended.set(entry.id, entry)
      this.#forget()
    }
  }

  /** Returns all that are known, the oldest first. */
  list(): RequestRecord[] {
    this.#forget()
    const entries = [...this.#ended.values(), ...this.#running.values()].sort((a, b) => a.id - b.id)
    return entries.map(({ id, request, start, end }) => ({
      StartTime: new Date(start).toISOString(),
      EndTime: end === undefined ? ZERO_TIME : new Date(end).toISOString(),
      Active: end === undefined,
      Command: request.command,
      Options: request.options,
      Args: request.args,
      ID: id,
    }))
  }

  /** Forgets those that have ended. */
  clear(): void {
    this.#ended.clear()
  }

  /** Sets how long those that have ended are kept. */
  setKeepTime(ms: number): void {
    this.#keepMs = ms
    this.#forget()
  }

  #forget(): void {
    const limit = this.#now() - this.#keepMs
    for (const [id, { end = limit }] of this.#ended) {
      if (end > limit && this.#ended.size <= ENDED_MAX) return
      this.#ended.delete(id)
    }
  }
}

function shortened({ command, options, args }: Request): Request {
  const cut = (value: unknown): unknown => (typeof value === 'string' ? value.slice(0, TEXT_CHARACTERS_MAX) : value)
  return {
    command,
    options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, cut(value)])),
    args: args.slice(0, ARGS_MAX).map(word => word.slice(0, TEXT_CHARACTERS_MAX)),
  }
}
