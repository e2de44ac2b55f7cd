import type { Call, Command, Output } from '../contract/command.ts'
import { errorCode, Failure } from '../contract/failure.ts'
import type { Remote } from './client.ts'
import { failureOf, isFailureRecord } from './failures.ts'
import { encodeQuery } from './query.ts'
import { cutOff, refusedFailure } from './remote-failures.ts'
import { API_PATH, FAILURE_AS_LINE, HEADER, outputKind, takesFiles, toQuery } from './wire.ts'

/** Longer lists of arguments go into the body, which is not ours to write. */
const QUERY_BYTES_MAX = 32 * 1024
/** With these nothing was sent. */
const UNREACHED = new Set(['ConnectionRefused', 'FailedToOpenSocket', 'ECONNREFUSED', 'ENOENT'])

/**
 * Returns what a command that answers once yields in the node at a socket of ours, asked by the runtime's own `fetch`;
 * undefined, with nothing sent, for a call that this is not made for. `fetch` sees no trailers: the server is asked to
 * tell of a failure in a last line.
 */
export async function fetchValue(
  remote: Remote,
  socketPath: string,
  command: Command,
  call: Call,
): Promise<Iterable<Output> | undefined> {
  if (outputKind(command, call.input) !== 'value' || takesFiles(command)) return undefined
  const query = encodeQuery([
    ['encoding', 'json'],
    ['stream-channels', 'true'],
    ...toQuery(command, call.input, call.globals),
  ])
  if (query.length > QUERY_BYTES_MAX) return undefined
  const headers: Record<string, string> = { 'User-Agent': 'tsipfs', [HEADER.failure]: FAILURE_AS_LINE }
  if (remote.authorization !== undefined) headers.Authorization = remote.authorization
  const url = `http://localhost${API_PATH}/${command.path.replaceAll(' ', '/')}?${query}`
  const options = { unix: socketPath, timeout: false, keepalive: false, redirect: 'manual' } as const
  try {
    const response = await fetch(url, { ...options, method: 'POST', headers, signal: call.signal })
    const text = await response.text()
    if (response.status >= 300) throw refusedFailure(remote, command, response.status, text.trim())
    return values(text)
  } catch (error) {
    if (call.signal.aborted) throw call.signal.reason
    const code = errorCode(error)
    if (code !== undefined && UNREACHED.has(code)) return undefined
    throw error instanceof Failure ? error : cutOff(remote, error)
  }
}

function* values(text: string): Iterable<Output> {
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const value: unknown = JSON.parse(line)
    if (isFailureRecord(value)) throw failureOf(value)
    yield value as Output
  }
}
