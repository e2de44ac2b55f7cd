import type { Call, Command, Output } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import type { Remote } from './client.ts'
import { failureOf, isFailureRecord } from './failures.ts'
import { type HttpAnswer, HttpAnswerReader } from './http-answer.ts'
import { connectOwn, type OwnSocket } from './own-socket.ts'
import { encodeQuery } from './query.ts'
import { cutOff, refusedFailure } from './remote-failures.ts'
import { API_PATH, FAILURE_AS_LINE, HEADER, outputKind, takesFiles, toQuery } from './wire.ts'

/** Longer lists of arguments go into the body, which is not ours to write. */
const QUERY_BYTES_MAX = 32 * 1024

/**
 * Returns what a command that answers once yields in the node at a socket of ours, asked without an HTTP client;
 * undefined, with nothing sent, for a call that this is not made for. No trailers are read: the server is asked to tell of
 * a failure in a last line. `open` is a connection that was made already.
 */
export async function shortAnswer(
  remote: Remote,
  socketPath: string,
  command: Command,
  call: Call,
  open?: OwnSocket,
): Promise<Iterable<Output> | undefined> {
  if (outputKind(command, call.input) !== 'value' || takesFiles(command)) return undefined
  const query = encodeQuery([
    ['encoding', 'json'],
    ['stream-channels', 'true'],
    ...toQuery(command, call.input, call.globals),
  ])
  if (query.length > QUERY_BYTES_MAX) return undefined
  const lines = [
    `POST ${API_PATH}/${command.path.replaceAll(' ', '/')}?${query} HTTP/1.1`,
    'Host: localhost',
    'User-Agent: tsipfs',
    'Connection: close',
    'Content-Length: 0',
    `${HEADER.failure}: ${FAILURE_AS_LINE}`,
    ...(remote.authorization === undefined ? [] : [`Authorization: ${remote.authorization}`]),
  ]
  const socket = open ?? (await connectOwn(socketPath))
  if (socket === undefined) return undefined
  try {
    const { status, body } = await answerTo(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), socket, call.signal)
    if (status >= 300) throw refusedFailure(remote, command, status, body.trim())
    return values(body)
  } catch (error) {
    if (call.signal.aborted) throw call.signal.reason
    throw error instanceof Failure ? error : cutOff(remote, error)
  } finally {
    socket.destroy()
  }
}

function answerTo(request: Uint8Array, socket: OwnSocket, signal: AbortSignal): Promise<HttpAnswer> {
  const reader = new HttpAnswerReader()
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    const finish = (read: () => HttpAnswer | undefined, isLast: boolean): void => {
      try {
        const answer = read()
        if (answer === undefined && !isLast) return
        if (answer === undefined) reject(new Error('the answer was cut short'))
        else resolve(answer)
      } catch (error) {
        reject(error)
      }
      signal.removeEventListener('abort', onAbort)
    }
    signal.addEventListener('abort', onAbort)
    socket.listen({
      data: bytes => finish(() => reader.push(bytes), false),
      close: () => finish(() => reader.end(), true),
    })
    socket.write(request)
  })
}

function* values(text: string): Iterable<Output> {
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const value: unknown = JSON.parse(line)
    if (isFailureRecord(value)) throw failureOf(value)
    yield value as Output
  }
}
