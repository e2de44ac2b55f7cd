/** Where text or bytes go. */
export interface Sink {
  /** Resolves when the bytes were taken. Throws a Failure: `closed-pipe` when the reader went away, `failed` on ENOSPC. */
  write(chunk: string | Uint8Array): Promise<void>
}

/** The process, as `main` sees it. Tests pass their own. */
export interface Io {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: AsyncIterable<Uint8Array>
  readonly out: Sink
  readonly err: Sink
  readonly terminal: {
    readonly in: boolean
    readonly out: boolean
    readonly err: boolean
    /** Columns of the terminal that standard error, else standard output, is on; 80 when there is none. */
    readonly columns: number
  }
  readonly signal: AbortSignal
  /** True when the process ends with the command. */
  readonly endsWithCommand?: boolean
}
