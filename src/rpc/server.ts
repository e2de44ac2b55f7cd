import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Call, Command, Executor } from '../contract/command.ts'
import { formatDuration } from '../contract/duration.ts'
import { Failure, firstError, isAbort, systemFailure } from '../contract/failure.ts'
import type { SourceEntry } from '../contract/source.ts'
import { timedOutText } from '../contract/timed-out.ts'
import type { FetchState } from '../node/exchange.ts'
import { corsHeaders, type Door, originHeaders, type Policy, preflightHeaders, refusal } from './guard.ts'
import { readLines } from './lines.ts'
import { boundaryOf } from './multipart.ts'
import { decodeQuery, percentDecode } from './query.ts'
import { Reply } from './reply.ts'
import { readUpload, type UploadBody } from './upload.ts'
import { API_PATH, fromQuery, mediaType, outputKind, type WireCall } from './wire.ts'

/** Calls that are carried out at once; more are turned away with 429. */
export const CALLS_MAX = 1_024
/** How long a client may go on sending what nobody will read, once its answer is complete. */
const LINGER_MS = 1_000
const LINGER_BYTES = 8 * 1024 * 1024
/** A body that says that it is no longer than this is taken as a whole. */
const WHOLE_BODY_BYTES_MAX = 16 * 1024
/** What a timer can hold. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1
const BODY_ARGUMENTS_BYTES_MAX = 64 * 1024 * 1024

/** A request as the list of requests (`diag cmds`) shows it. */
export interface Requested {
  readonly command: string
  readonly options: Readonly<Record<string, unknown>>
  readonly args: readonly string[]
}

/** What a server needs of the node behind it. */
export interface ServerOptions {
  /** Every command, by its words. */
  readonly commands: Readonly<Record<string, () => Promise<Command>>>
  readonly executor: Executor
  readonly policy: Policy
  /** The `Server` header. */
  readonly agent: string
  /** Is told of each call; what it returns is called at its end. */
  readonly begun?: (request: Requested) => () => void
  /** Is told of what was thrown and is no Failure. */
  readonly bug?: (error: unknown) => void
  /** Aborts every call. */
  readonly signal: AbortSignal
  /** Answers paths that are not the RPC's. Returns false for those that it does not know. */
  readonly other?: (request: IncomingMessage, response: ServerResponse, door: Door) => boolean
}

/** Returns the listener that serves the RPC on one door. */
export function serveRpc(options: ServerOptions): (door: Door) => RequestListener {
  const state: State = {
    loaded: new Map(),
    headers: { Server: options.agent, ...customHeaders(options.policy) },
    stops: new Set(),
  }
  options.signal.addEventListener('abort', () => {
    for (const stop of state.stops) stop()
  })
  return door => (request, response) => {
    const arrivedAt = performance.now()
    // A client that goes away is noticed where its call is carried out.
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    answer(options, door, request, response, { ...state, arrivedAt })
      .catch(error => {
        options.bug?.(error)
        response.destroy()
      })
      .finally(() => linger(request, response))
  }
}

/** What the calls of a server share, and when this one came. */
interface CallState extends State {
  readonly arrivedAt: number
}

/** What the calls of a server share. */
interface State {
  readonly loaded: Map<string, Promise<Command>>
  /** What each answer carries. */
  readonly headers: Readonly<Record<string, string>>
  /** Ends the calls at work. */
  readonly stops: Set<() => void>
}

async function answer(
  options: ServerOptions,
  door: Door,
  request: IncomingMessage,
  response: ServerResponse,
  state: CallState,
): Promise<void> {
  const { path, query } = splitUrl(request.url ?? '')
  if (path === API_PATH || path.includes('//')) return moved(response, path, query)
  if (!path.startsWith(`${API_PATH}/`)) {
    if (options.other?.(request, response, door) !== true) plain(response, 404, '404 page not found')
    return
  }
  if (request.method === 'OPTIONS') return preflight(options, door, request, response)
  response.setHeader('Vary', 'Origin')
  if (request.method !== 'POST') {
    response.setHeader('Allow', 'OPTIONS, POST')
    return plain(response, 405, '405 - Method Not Allowed')
  }
  const refused = refusal(options.policy, door, path, request.headers)
  if (refused !== undefined) return plain(response, 403, refused)
  const granted = originHeaders(options.policy, door, request.headers.origin)
  for (const [name, value] of Object.entries(granted)) response.setHeader(name, value)
  const found = findCommand(path, options.commands)
  const command = found === undefined ? undefined : await loadOnce(found, state.loaded)
  if (found === undefined || command === undefined || command.localOnly === true) {
    return plain(response, 404, '404 page not found')
  }
  if (state.stops.size >= CALLS_MAX) return plain(response, 429, `more than ${CALLS_MAX} requests at once`)
  const { words, args } = found
  await carryOut(options, door, command, { words, args, query, state }, request, response)
}

interface Asked {
  readonly words: string
  readonly args: readonly string[]
  readonly query: string
  readonly state: CallState
}

async function carryOut(
  options: ServerOptions,
  door: Door,
  command: Command,
  asked: Asked,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let wire: WireCall
  let boundary: string | undefined
  try {
    boundary = boundaryOf(request.headers['content-type'])
    wire = fromQuery(command, decodeQuery(asked.query), asked.args, boundary !== undefined)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return plain(response, 400, error.message)
  }
  const ended = options.begun?.({ command: asked.words.replaceAll(' ', '/'), ...wire.given })
  const reply = new Reply(response, {
    kind: outputKind(command, wire.input),
    headers: { ...asked.state.headers, ...corsHeaders(options.policy, door, request.headers.origin) },
    type: mediaType(command, wire.input),
    isText: wire.encoding === 'text' && command.render !== undefined,
  })
  const limits = callSignal(options.signal, asked.state, wire.timeoutMs, response)
  try {
    // A daemon that is told to stop takes nothing more, also on connections that are open still.
    options.signal.throwIfAborted()
    if (wire.refused !== undefined) throw wire.refused
    const source = boundary === undefined ? none() : readUpload(bodyOf(request), boundary, { trustsPaths: door.isOwn })
    const input = wire.fromBody === undefined ? wire.input : await inputFromBody(command, wire, source)
    command.check?.(input as never)
    const call: Call = {
      input: input as never,
      source,
      globals: wire.globals,
      signal: limits.signal,
      answer: { begin: () => reply.begin(), length: bytes => reply.length(bytes), fetching: limits.fetching },
    }
    await sendOutputs(options.executor, command, call, wire, reply, limits)
    reply.end()
  } catch (error) {
    const failure = toFailure(error, limits, wire)
    if (failure.kind === 'bug') options.bug?.(error)
    reply.end(failure)
  } finally {
    limits.release()
    ended?.()
  }
}

async function sendOutputs(
  executor: Executor,
  command: Command,
  call: Call,
  wire: WireCall,
  reply: Reply,
  limits: CallSignal,
): Promise<void> {
  const outputs = executor.execute(command, call)
  if (wire.encoding === 'text' && command.render !== undefined) {
    const { renderText } = await import('./render-text.ts')
    return await renderText(command, call, outputs, chunk => reply.sendText(chunk))
  }
  let isFirst = true
  for await (const output of outputs) {
    // A result that comes too late for the timer to have been heard is late all the same.
    if (isFirst) limits.check()
    isFirst = false
    await reply.send(output)
    // After it: what a command says of a time limit is its last word.
    call.signal.throwIfAborted()
  }
  if (isFirst) limits.check()
}

/** Returns the input with what the body has of an argument, one value a line. */
async function inputFromBody(
  command: Command,
  wire: WireCall,
  source: AsyncIterable<SourceEntry>,
): Promise<Readonly<Record<string, unknown>>> {
  const key = wire.fromBody ?? ''
  const param = command.params[key]
  if (param?.place !== 'argument') return wire.input
  const before = wire.input[key]
  const given: readonly unknown[] = Array.isArray(before) ? before : []
  for await (const entry of source) {
    const lines = entry.content === undefined ? [] : await readLines(entry.content(), BODY_ARGUMENTS_BYTES_MAX)
    const values = lines.map(line => line.trim()).filter(line => line !== '')
    if (values.length > 0) return { ...wire.input, [key]: param.many ? [...given, ...values] : values[0] }
    break
  }
  if (!param.optional && given.length === 0) throw new Failure('usage', `argument "${param.label}" is required`)
  return wire.input
}

interface CallSignal {
  readonly signal: AbortSignal
  readonly timedOut: () => boolean
  /** Throws when the time is up and the timer, held up by other work, has not said so yet. */
  check(): void
  /** Takes how far a fetch is, for what is said when the time is up. */
  readonly fetching: ((state: FetchState) => void) | undefined
  /** How far it was last. */
  readonly fetched: () => FetchState | undefined
  release(): void
}

/** A call ends when its time is up, when its client goes away, or when the daemon stops. */
function callSignal(
  parent: AbortSignal,
  { stops, arrivedAt }: CallState,
  timeoutMs: number | undefined,
  response: ServerResponse,
): CallSignal {
  // One controller: to join signals costs as much as the rest of a small call.
  const ending = new AbortController()
  let isTimedOut = false
  const stop = (): void => ending.abort(parent.reason)
  const leave = (): void => {
    if (!response.writableFinished) ending.abort(new Failure('interrupted', 'the client went away'))
  }
  const expire = (): void => {
    isTimedOut = !ending.signal.aborted
    ending.abort(new DOMException('The operation timed out.', 'TimeoutError'))
  }
  if (parent.aborted) stop()
  stops.add(stop)
  response.once('close', leave)
  // The time runs from when the request came: what was loaded since then has taken of it.
  const leftMs = (): number => (timeoutMs ?? Number.POSITIVE_INFINITY) - (performance.now() - arrivedAt)
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(expire, Math.min(Math.max(0, leftMs()), TIMEOUT_MS_MAX)).unref()
  let fetched: FetchState | undefined
  const fetching = (state: FetchState): void => {
    fetched = state
  }
  return {
    signal: ending.signal,
    timedOut: () => isTimedOut,
    check() {
      if (ending.signal.aborted || leftMs() > 0) return
      expire()
      ending.signal.throwIfAborted()
    },
    fetching: timeoutMs === undefined ? undefined : fetching,
    fetched: () => fetched,
    release() {
      clearTimeout(timer)
      stops.delete(stop)
      response.off('close', leave)
    },
  }
}

function toFailure(thrown: unknown, limits: CallSignal, wire: WireCall): Failure {
  const error = firstError(thrown)
  if (limits.timedOut() && (isAbort(error) || error === limits.signal.reason || isStopped(error))) {
    const text = timedOutText(formatDuration(wire.timeoutMs ?? 0), limits.fetched())
    return new Failure('timeout', text, { cause: error })
  }
  if (limits.signal.aborted && (isAbort(error) || error === limits.signal.reason)) {
    const { reason } = limits.signal
    return reason instanceof Failure ? reason : new Failure('interrupted', 'the node is stopping', { cause: error })
  }
  const known = systemFailure(error, 'system')
  if (known instanceof Failure) return known
  const text = error instanceof Error ? error.message : String(error)
  return new Failure('bug', `a bug in tsipfs: ${text}`, { cause: error })
}

function isStopped(error: unknown): boolean {
  return error instanceof Failure && (error.kind === 'interrupted' || error.kind === 'timeout')
}

interface FoundCommand {
  readonly words: string
  readonly args: readonly string[]
  readonly load: () => Promise<Command>
}

/** What is loaded is there: even to ask for it again costs a small call something. */
function loadOnce({ words, load }: FoundCommand, loaded: Map<string, Promise<Command>>): Promise<Command> {
  let loading = loaded.get(words)
  if (loading === undefined) {
    loading = load()
    loaded.set(words, loading)
    loading.catch(() => loaded.delete(words))
  }
  return loading
}

/** Finds the command that a path names. Its last segment may be an argument instead: `cat/Qm…`. */
function findCommand(path: string, commands: ServerOptions['commands']): FoundCommand | undefined {
  const segments = path
    .slice(API_PATH.length + 1)
    .replace(/\/$/, '')
    .split('/')
  const words = segments.join(' ')
  const load = Object.hasOwn(commands, words) ? commands[words] : undefined
  if (load !== undefined) return { words, args: [], load }
  const shorter = segments.slice(0, -1).join(' ')
  const loadShorter = Object.hasOwn(commands, shorter) ? commands[shorter] : undefined
  const argument = segments.at(-1) ?? ''
  return loadShorter === undefined || argument === ''
    ? undefined
    : { words: shorter, args: [argument], load: loadShorter }
}

function splitUrl(target: string): { path: string; query: string } {
  // A client that takes the node for a proxy sends the whole URL.
  const url = target.replace(/^https?:\/\/[^/?#]*/i, '').replace(/#.*/s, '')
  const at = url.indexOf('?')
  const path = at < 0 ? url : url.slice(0, at)
  try {
    return { path: percentDecode(path.replaceAll('+', '%2B')), query: at < 0 ? '' : url.slice(at + 1) }
  } catch {
    // A path with a broken escape names nothing.
    return { path: '', query: '' }
  }
}

function preflight(options: ServerOptions, door: Door, request: IncomingMessage, response: ServerResponse): void {
  const isPreflight = request.headers['access-control-request-method'] !== undefined
  const headers = isPreflight
    ? preflightHeaders(options.policy, door, request.headers)
    : { Allow: 'OPTIONS, POST', Vary: 'Origin', ...originHeaders(options.policy, door, request.headers.origin) }
  response.writeHead(204, headers).end()
}

/** As the multiplexer of Go's server does it: to the same place, its slashes set right. */
function moved(response: ServerResponse, path: string, query: string): void {
  const clean = path === API_PATH ? `${API_PATH}/` : path.replace(/\/{2,}/g, '/')
  response.writeHead(307, { Location: encodeURI(clean) + (query === '' ? '' : `?${query}`) }).end()
}

function plain(response: ServerResponse, status: number, text: string): void {
  if (!response.req.complete) response.shouldKeepAlive = true
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' })
  response.end(status === 204 ? undefined : text + '\n')
}

function customHeaders(policy: Policy): Record<string, string> {
  return Object.fromEntries(Object.entries(policy.headers).map(([name, values]) => [name, values.join(', ')]))
}

async function* none(): AsyncGenerator<SourceEntry> {
  // The request has no body.
}

/** Leaving a loop over a request would destroy its connection, and the answer with it. */
function bodyOf(request: IncomingMessage): UploadBody {
  const length = Number(request.headers['content-length'] ?? Number.NaN)
  return length <= WHOLE_BODY_BYTES_MAX
    ? { whole: () => wholeBody(request) }
    : request.iterator({ destroyOnReturn: false })
}

/** A short body, which is mostly there already, taken by events: that runs less code than a loop over the stream. */
function wholeBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  return new Promise<Buffer>((resolve, reject) => {
    // It has been read.
    if (request.readableEnded) return resolve(Buffer.alloc(0))
    const gone = (): void => reject(new Failure('interrupted', 'the client went away'))
    if (request.destroyed) return gone()
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    request.once('end', () => {
      request.off('close', gone)
      resolve(Buffer.concat(chunks))
    })
    request.once('error', reject)
    request.once('close', gone)
  })
}

/**
 * Takes what a client still sends after its answer is complete, for a moment: closing at once would reset the
 * connection, and the answer could be lost on its way.
 */
function linger(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete || request.destroyed) return
  let left = LINGER_BYTES
  const stop = (): void => {
    clearTimeout(timer)
    request.socket.destroy()
  }
  const timer = setTimeout(stop, LINGER_MS)
  timer.unref()
  request.on('data', (chunk: Uint8Array) => {
    left -= chunk.length
    if (left < 0) stop()
  })
  request.once('end', () => clearTimeout(timer))
  response.once('close', () => clearTimeout(timer))
  request.resume()
}
