import type { Call, Command, Executor, Output } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { type Endpoint, parseAddress } from './address.ts'
import { authorizationHeader } from './authorization.ts'
import type { OwnSocket } from './own-socket.ts'

export interface RemoteOptions {
  /** A multiaddr, as in `--api` and in a repo's `api` file. */
  readonly address: string
  /** `basic:user:password`, `bearer:token`, or a token. */
  readonly auth?: string | undefined
  /** A connection to a daemon of ours that is open already, for the first call. */
  readonly open?: OwnSocket | undefined
}

/** A node that is reached through its RPC. */
export interface Remote {
  readonly endpoint: Endpoint
  readonly authorization: string | undefined
  /** The address, as the user wrote it. */
  readonly name: string
}

/** Returns an executor that runs commands in another node, ours or Kubo's, through its RPC. */
export function remoteExecutor(options: RemoteOptions): Executor {
  const endpoint = parseAddress(options.address)
  const authorization = options.auth === undefined ? undefined : authorizationHeader(options.auth)
  if (options.auth !== undefined && authorization === undefined) {
    throw new Failure('usage', 'invalid value for --api-auth', { hint: 'use basic:user:password or bearer:token' })
  }
  const remote: Remote = { endpoint, authorization, name: options.address }
  let { open } = options
  const takeOpen = (): OwnSocket | undefined => {
    const socket = open
    open = undefined
    return socket?.destroyed === true ? undefined : socket
  }
  return {
    execute: (command, call) =>
      execute(remote, command as unknown as Command, call as unknown as Call, takeOpen) as AsyncIterable<never>,
    async [Symbol.asyncDispose]() {
      // Each call has a connection of its own.
      open?.destroy()
    },
  }
}

/** A short answer of a daemon of ours is read here; for all else the HTTP client is loaded, which takes its time. */
async function* execute(
  remote: Remote,
  command: Command,
  asked: Call,
  takeOpen: () => OwnSocket | undefined,
): AsyncGenerator<Output> {
  const call = asked.globals.timeoutMs === undefined ? asked : { ...asked, signal: lastWord(asked.signal) }
  call.signal.throwIfAborted()
  const { socketPath } = remote.endpoint
  if (socketPath?.endsWith('/api.sock') === true) {
    const { shortAnswer } = await import('./short-client.ts')
    const open = takeOpen()
    const value = await shortAnswer(remote, socketPath, command, call, open)
    if (value === undefined) open?.destroy()
    if (value !== undefined) return yield* value
  }
  const { executeByHttp } = await import('./http-client.ts')
  yield* executeByHttp(remote, command, call)
}

/** A node that was told of the time limit says itself how far it came: so long it may take to say so. */
const LAST_WORD_MS = 500

/** Returns a signal that aborts as the given one does, but a moment later when a time limit is the reason. */
function lastWord(signal: AbortSignal): AbortSignal {
  const later = new AbortController()
  const onAbort = (): void => {
    const { reason } = signal
    const isTimeout = reason instanceof Error && reason.name === 'TimeoutError'
    if (!isTimeout) later.abort(reason)
    else setTimeout(() => later.abort(reason), LAST_WORD_MS).unref()
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return later.signal
}
