/**
 * What kind of failure it was. The list is closed: scripts branch on it, and `kind` alone decides the exit status.
 */
export type FailureKind =
  | 'failed'
  | 'usage'
  | 'not-found'
  | 'timeout'
  | 'network'
  | 'data-mismatch'
  | 'partial'
  | 'no-repo'
  | 'locked'
  | 'needs-daemon'
  | 'bug'
  | 'interrupted'
  | 'terminated'
  | 'closed-pipe'

/** The exit status of each kind of failure. `man tsipfs-exit-status` prints this table; 0 is success. */
export const EXIT_STATUS: Readonly<Record<FailureKind, { status: number; meaning: string }>> = {
  failed: { status: 1, meaning: 'failed for a reason that has no status of its own' },
  usage: { status: 2, meaning: 'unknown command or option, missing or malformed argument, a broken CID' },
  'not-found': { status: 3, meaning: 'a block, path, pin, key or file was not found' },
  timeout: { status: 4, meaning: 'a time limit passed' },
  network: { status: 5, meaning: 'the network or a peer failed' },
  'data-mismatch': { status: 6, meaning: 'data does not match its CID' },
  partial: { status: 8, meaning: 'done in part only' },
  'no-repo': { status: 10, meaning: 'there is no repo at the path that was named' },
  locked: { status: 11, meaning: 'the repo is locked' },
  'needs-daemon': { status: 12, meaning: 'the command needs a running daemon' },
  bug: { status: 70, meaning: 'a bug in tsipfs' },
  interrupted: { status: 130, meaning: 'interrupted (SIGINT)' },
  terminated: { status: 143, meaning: 'terminated (SIGTERM)' },
  'closed-pipe': { status: 141, meaning: 'the reader of standard output went away' },
}

export interface FailureOptions {
  /** The way out, in the imperative: `leave out --offline to ask the network`. */
  readonly hint?: string | undefined
  readonly data?: Readonly<Record<string, string>> | undefined
  readonly cause?: unknown
  /** The status says it all: nothing is printed. */
  readonly quiet?: boolean | undefined
  /** The RPC answers with status 400 and Code 1, as Kubo does for a few refusals; all others are 500 and Code 0. */
  readonly badRequest?: boolean | undefined
}

/** A failure that we expect and can explain. Whatever else is thrown is a bug. */
export class Failure extends Error {
  readonly kind: FailureKind
  readonly hint: string | undefined
  readonly data: Readonly<Record<string, string>> | undefined
  readonly quiet: boolean
  readonly badRequest: boolean

  constructor(kind: FailureKind, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'Failure'
    this.kind = kind
    this.hint = options.hint
    this.data = options.data
    this.quiet = options.quiet === true
    this.badRequest = options.badRequest === true
  }
}

/** A failure as it crosses the wire and as `--enc=json` prints it: Kubo's fields first, then ours. */
export interface FailureRecord {
  readonly Message: string
  readonly Code: number
  readonly Type: 'error'
  readonly kind?: FailureKind
  readonly hint?: string
  readonly data?: Readonly<Record<string, string>>
  readonly quiet?: true
}

/** Returns the record of a failure. Kubo's `Code` is 0 for ordinary errors and 1 for a client's mistake. */
export function failureToRecord(failure: Failure): FailureRecord {
  return {
    Message: failure.message,
    Code: failure.kind === 'usage' ? 1 : 0,
    Type: 'error',
    kind: failure.kind,
    ...(failure.hint === undefined ? {} : { hint: failure.hint }),
    ...(failure.data === undefined ? {} : { data: failure.data }),
    ...(failure.quiet ? { quiet: true } : {}),
  }
}

/** Returns the failure that a record stands for. A record without a `kind` (from Kubo) is `failed`. */
export function failureFromRecord(record: FailureRecord): Failure {
  const kind = record.kind !== undefined && Object.hasOwn(EXIT_STATUS, record.kind) ? record.kind : 'failed'
  return new Failure(kind, record.Message, { hint: record.hint, data: record.data, quiet: record.quiet === true })
}

const SYSTEM_KINDS: Readonly<Record<string, { kind: FailureKind; text: string; hint?: string }>> = {
  ENOENT: { kind: 'not-found', text: 'no such file or directory' },
  ENOTDIR: { kind: 'failed', text: 'not a directory' },
  EISDIR: { kind: 'failed', text: 'is a directory' },
  EACCES: { kind: 'failed', text: 'permission denied' },
  EPERM: { kind: 'failed', text: 'operation not permitted' },
  EEXIST: { kind: 'failed', text: 'file already exists' },
  ENOTEMPTY: { kind: 'failed', text: 'directory not empty' },
  ENOSPC: { kind: 'failed', text: 'no space left on device', hint: 'free some space, then run the command again' },
  EDQUOT: { kind: 'failed', text: 'disk quota exceeded', hint: 'free some space, then run the command again' },
  EROFS: { kind: 'failed', text: 'read-only file system' },
  EIO: { kind: 'failed', text: 'input/output error', hint: 'check the disk' },
  EMFILE: { kind: 'failed', text: 'too many open files', hint: 'raise the limit with ulimit -n' },
  ENFILE: { kind: 'failed', text: 'too many open files in the system' },
  ENAMETOOLONG: { kind: 'failed', text: 'file name too long' },
  ELOOP: { kind: 'failed', text: 'too many levels of symbolic links' },
  EFBIG: { kind: 'failed', text: 'file too large' },
  ECONNREFUSED: { kind: 'network', text: 'connection refused' },
  ECONNRESET: { kind: 'network', text: 'connection reset' },
  ETIMEDOUT: { kind: 'timeout', text: 'connection timed out' },
  EADDRINUSE: { kind: 'network', text: 'address already in use' },
  ENETUNREACH: { kind: 'network', text: 'network is unreachable' },
  EHOSTUNREACH: { kind: 'network', text: 'host is unreachable' },
}

/** Returns the system's error code (`ENOENT`) of what was thrown, if it has one. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Returns the Failure for what the operating system refused, or the error itself when it is not of that kind.
 * `subject` names what was touched, as the user knows it: a path, an address.
 */
export function systemFailure(error: unknown, subject: string): unknown {
  const known = SYSTEM_KINDS[errorCode(error) ?? '']
  if (known === undefined) return error
  return new Failure(known.kind, `${subject}: ${known.text}`, { hint: known.hint, cause: error })
}

/** Returns what failed first, where closing what was open has failed as well: a disk that is gone makes both fail. */
export function firstError(error: unknown): unknown {
  let first = error
  while (first instanceof Error && first.name === 'SuppressedError' && 'suppressed' in first) first = first.suppressed
  return first
}

/** Returns true for what an aborted signal makes operations throw. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
}
