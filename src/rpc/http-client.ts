import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import type { Call, Command, Output } from '../contract/command.ts'
import type { Failure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'
import type { Remote } from './client.ts'
import { failureFromTrailers, failureOf, isFailureRecord } from './failures.ts'
import { readAll, splitLines } from './lines.ts'
import { encodeQuery } from './query.ts'
import { connectionFailure, cutOff, refusedFailure, timedOut } from './remote-failures.ts'
import { type Upload, writeUpload } from './upload.ts'
import { API_PATH, HEADER, outputKind, takesFiles, toQuery } from './wire.ts'

const CONNECT_TIMEOUT_MS = 30_000
const FAILURE_BYTES_MAX = 1024 * 1024
const LINE_BYTES_MAX = 256 * 1024 * 1024
/** Go's servers take a request line and headers of 1 MiB, ours of 256 KiB: longer lists of arguments go into the body. */
const QUERY_BYTES_MAX = 32 * 1024

/** Runs a command in another node, over a connection of its own. */
export async function* executeByHttp(remote: Remote, command: Command, call: Call): AsyncGenerator<Output> {
  call.signal.throwIfAborted()
  const { query, upload } = prepare(remote, command, call)
  const path = `${API_PATH}/${command.path.replaceAll(' ', '/')}?${query}`
  const { request, sending } = await open(remote, path, upload)
  const abort = (): void => void request.destroy(toError(call.signal.reason))
  call.signal.addEventListener('abort', abort, { once: true })
  try {
    const response = await sending.responded
    if ((response.statusCode ?? 0) >= 300) throw await refused(remote, command, response)
    const length = Number(response.headers[HEADER.length.toLowerCase()])
    if (Number.isSafeInteger(length)) call.answer?.length(length)
    yield* readOutputs(command, call, response)
    const { trailers } = response
    const failure = failureFromTrailers(trailers[HEADER.error.toLowerCase()], trailers[HEADER.failure.toLowerCase()])
    if (failure !== undefined) throw failure
    if (!response.complete) throw cutOff(remote)
  } catch (error) {
    if (call.signal.aborted) throw call.signal.reason
    throw sending.sourceError ?? connectionFailure(error, remote)
  } finally {
    call.signal.removeEventListener('abort', abort)
    request.destroy()
    sending.stop()
  }
}

/** Returns the query and the body of a call. Arguments that are too many for a query become the body. */
function prepare(remote: Remote, command: Command, call: Call): { query: string; upload: Upload | undefined } {
  const fixed = [
    ['encoding', 'json'],
    ['stream-channels', 'true'],
  ] as const
  const full = encodeQuery([...fixed, ...toQuery(command, call.input, call.globals)])
  const options = { tellsPaths: remote.endpoint.isLocal }
  if (takesFiles(command)) return { query: full, upload: writeUpload(call.source, options) }
  if (full.length <= QUERY_BYTES_MAX) return { query: full, upload: undefined }
  const key = Object.entries(command.params).find(
    ([, param]) => param.place === 'argument' && param.many && param.stdin,
  )?.[0]
  if (key === undefined) return { query: full, upload: undefined }
  const input: Readonly<Record<string, unknown>> = call.input
  const words = input[key] as readonly string[]
  const query = encodeQuery([...fixed, ...toQuery(command, { ...input, [key]: [] }, call.globals)])
  return { query, upload: writeUpload(oneFile(words.map(word => `${word}\n`)), options) }
}

async function* oneFile(lines: readonly string[]): AsyncGenerator<SourceEntry> {
  yield { path: 'stdin', type: 'file', content: () => chunks(lines) }
}

async function* chunks(lines: readonly string[]): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < lines.length; at += 1_000) yield Buffer.from(lines.slice(at, at + 1_000).join(''))
}

async function open(
  remote: Remote,
  path: string,
  upload: Upload | undefined,
): Promise<{ request: ClientRequest; sending: Sending }> {
  const { endpoint } = remote
  const headers: Record<string, string> = { 'User-Agent': 'tsipfs' }
  if (remote.authorization !== undefined) headers.Authorization = remote.authorization
  if (upload === undefined) headers['Content-Length'] = '0'
  else headers['Content-Type'] = upload.contentType
  // Asking to close the connection would let the server do so while we still send, and its answer be lost.
  headers.Connection = 'keep-alive'
  const options: RequestOptions = { method: 'POST', path, headers, agent: false }
  if (endpoint.socketPath !== undefined) Object.assign(options, { socketPath: endpoint.socketPath, host: 'localhost' })
  else Object.assign(options, { host: endpoint.host, port: endpoint.port, family: endpoint.family })
  const start = endpoint.isTls ? (await import('node:https')).request : httpRequest
  const request = start(options)
  // In the same turn: a socket that is not there fails in the next.
  const sending = new Sending(request, upload?.body)
  request.setTimeout(CONNECT_TIMEOUT_MS)
  request.once('timeout', () => {
    // Only connecting is limited here: an answer may take as long as its work.
    if (request.socket?.connecting !== false) request.destroy(timedOut(remote))
  })
  return { request, sending }
}

/** The request while it is being sent: the body is written as the connection takes it, beside the answer. */
class Sending {
  readonly responded: Promise<IncomingMessage>
  /** What the caller's own files failed with. */
  sourceError: unknown
  readonly #request: ClientRequest
  #stopped = false

  constructor(request: ClientRequest, body: AsyncIterable<Uint8Array> | undefined) {
    this.#request = request
    this.responded = new Promise((resolve, reject) => {
      request.once('response', resolve)
      // Stays on: an error without a listener would end the process.
      request.on('error', reject)
      request.once('close', () => reject(new Error('closed')))
    })
    this.responded.catch(() => undefined)
    if (body === undefined) request.end()
    else void this.#pump(body)
  }

  /** Takes no more from the caller's files; one that is being waited for is left alone. */
  stop(): void {
    this.#stopped = true
  }

  async #pump(body: AsyncIterable<Uint8Array>): Promise<void> {
    const request = this.#request
    request.flushHeaders()
    try {
      for await (const chunk of body) {
        if (this.#stopped || request.destroyed) return
        if (chunk.length > 0 && !request.write(chunk)) await drained(request)
        if (this.#stopped || request.destroyed) return
      }
      request.end()
    } catch (error) {
      if (this.#stopped || request.destroyed) return
      this.sourceError = error
      request.destroy()
    }
  }
}

function drained(request: ClientRequest): Promise<void> {
  if (request.destroyed) return Promise.resolve()
  return new Promise(resolve => {
    const finish = (): void => {
      for (const event of ['drain', 'close', 'error']) request.off(event, finish)
      // An answer that is there already is read before more is written into a connection that may be closed.
      setImmediate(resolve)
    }
    for (const event of ['drain', 'close', 'error']) request.once(event, finish)
  })
}

async function* readOutputs(command: Command, call: Call, response: IncomingMessage): AsyncGenerator<Output> {
  const kind = outputKind(command, call.input)
  if (kind === 'bytes') {
    for await (const chunk of response) yield chunk as Uint8Array
    return
  }
  for await (const line of splitLines(response, LINE_BYTES_MAX)) {
    const text = line.toString('utf8').trim()
    if (text === '') continue
    const value: unknown = JSON.parse(text)
    if (isFailureRecord(value)) throw failureOf(value)
    yield value as Output
  }
}

async function refused(remote: Remote, command: Command, response: IncomingMessage): Promise<Failure> {
  const text = (await readAll(response, FAILURE_BYTES_MAX)).toString('utf8').trim()
  return refusedFailure(remote, command, response.statusCode ?? 0, text)
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted')
}
