import type { Command } from '../contract/command.ts'
import { errorCode, Failure, isAbort, systemFailure } from '../contract/failure.ts'
import type { Endpoint } from './address.ts'
import { parseRecord } from './failures.ts'

/** A node by the address that the user wrote. */
interface Named {
  readonly name: string
}

/** Returns the failure that an answer with this status and this body stands for. */
export function refusedFailure(remote: Named, command: Pick<Command, 'path'>, status: number, text: string): Failure {
  const failure = parseRecord(text)
  if (failure !== undefined) return failure
  if (status === 404) return new Failure('failed', `the node at ${remote.name} has no command "${command.path}"`)
  if (status === 403) {
    return new Failure('failed', text || 'forbidden', {
      hint: 'give the secret of an API.Authorizations entry with --api-auth',
    })
  }
  if (status === 400) return new Failure('usage', text || 'bad request')
  return new Failure('failed', `the node at ${remote.name} answered ${status}: ${text.slice(0, 200)}`)
}

/** Returns what was thrown as a Failure, when it tells how the connection fared. */
export function connectionFailure(error: unknown, remote: Named & { readonly endpoint: Endpoint }): unknown {
  if (error instanceof Failure) return error
  const code = errorCode(error)
  const hint = 'is the node running? start it there with: tsipfs daemon'
  if (code === 'ECONNREFUSED' || (code === 'ENOENT' && remote.endpoint.socketPath !== undefined)) {
    return new Failure('network', `cannot reach the RPC at ${remote.name}: connection refused`, { hint, cause: error })
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return new Failure('network', `cannot reach the RPC at ${remote.name}: no such host`, { hint, cause: error })
  }
  if (code === 'ECONNRESET' || code === 'EPIPE' || isAbort(error) || isClosed(error)) return cutOff(remote, error)
  if (error instanceof SyntaxError) {
    return new Failure('failed', `the answer of ${remote.name} is not JSON`, { cause: error })
  }
  const known = systemFailure(error, `the RPC at ${remote.name}`)
  if (known instanceof Failure || code === undefined) return known
  const text = error instanceof Error ? error.message : String(error)
  return new Failure('network', `the RPC at ${remote.name}: ${text}`, { cause: error })
}

function isClosed(error: unknown): boolean {
  return error instanceof Error && (error.message === 'closed' || error.message === 'aborted')
}

/** Returns the failure of an answer that did not come to its end. */
export function cutOff(remote: Named, cause?: unknown): Failure {
  return new Failure('network', `the connection to ${remote.name} was cut off`, { cause })
}

/** Returns the failure of a connection that did not come about in time. */
export function timedOut(remote: Named): Failure {
  return new Failure('network', `cannot reach the RPC at ${remote.name}: connection timed out`)
}
