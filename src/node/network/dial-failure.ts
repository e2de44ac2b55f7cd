import { Failure, isAbort, systemFailure } from '../../contract/failure.ts'

/** Returns the Failure for what made a connection, or a stream, fail. */
export function dialFailure(what: string, error: unknown): unknown {
  if (error instanceof Failure) return error
  const causes = error instanceof AggregateError ? error.errors : [error]
  const reasons = [...new Set(causes.map(reasonOf))]
  const timedOut = causes.every(cause => isAbort(cause))
  return new Failure(timedOut ? 'timeout' : 'network', `${what}: ${reasons.join('; ')}`, { cause: error })
}

function reasonOf(error: unknown): string {
  const known = systemFailure(error, 'dial')
  if (known instanceof Failure) return known.message.replace(/^dial: /, '')
  if (!(error instanceof Error)) return String(error)
  if (isAbort(error)) return 'timed out'
  if (error.name === 'NoValidAddressesError') return 'no addresses'
  if (error.name === 'UnexpectedPeerError' || /expected/i.test(error.message))
    return `peer id mismatch: ${error.message}`
  return error.message === '' ? error.name : error.message.replaceAll('\n', ' ')
}
