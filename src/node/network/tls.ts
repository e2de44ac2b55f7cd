import { Socket } from 'node:net'
import { connect, createSecureContext, type SecureContext, TLSSocket, type TLSSocketOptions } from 'node:tls'
import type {
  ComponentLogger,
  ConnectionEncrypter,
  MessageStream,
  PrivateKey,
  SecureConnectionOptions,
  SecuredConnection,
  StreamMuxerFactory,
  Upgrader,
} from '@libp2p/interface'

import { verifyPeerCertificate } from './tls-certificate.ts'

/** https://github.com/libp2p/specs/blob/master/tls/tls.md */
const PROTOCOL = '/tls/1.0.0'
/** Bytes that wait to be encrypted, before whoever writes them is held back. */
const BUFFER_BYTES = 512 * 1024
/** What a record of TLS holds at most. */
const RECORD_BYTES = 16 * 1024
/** A connection that has sent nothing for so long is at rest. */
const REST_MS = 1
/** A connection that carries nothing for so long is closed, as the TCP transport does. */
const IDLE_TIMEOUT_MS = 2 * 60 * 1000

/** A connection may have a function under this name, that is told of bytes that go in and out past its own methods. */
export const COUNT_BYTES = Symbol('count bytes')

interface TlsComponents {
  readonly privateKey: PrivateKey
  readonly logger: ComponentLogger
  readonly upgrader: Upgrader
}

/** What all connections of a node share. */
interface Tools extends Pick<typeof import('@libp2p/tls/utils'), 'toMessageStream' | 'toNodeDuplex'> {
  /** The certificate, which says nothing but who this node is. */
  readonly secureContext: SecureContext
}

/** TLS as libp2p takes it, and the chance to load in time what the first connection would have to wait for. */
export interface Tls {
  (components: TlsComponents): ConnectionEncrypter
  prepare(): Promise<void>
}

/**
 * Returns the TLS of libp2p. It does what `@libp2p/tls` 3.1 does, but for three things. That one hands `ALPNProtocols` and
 * `ALPNCallback` to both ends, which Bun refuses: here both ends have the list alone, and the server's order decides,
 * which comes to the same. And where the connection is a TCP socket, the runtime encrypts on that socket itself: through
 * a stream in between every byte would be copied and handed on several times, at 1.7 times the cost. And
 * certificates are checked without the libraries that make them (tls-certificate.ts).
 */
export function tls(): Tls {
  let privateKey: PrivateKey | undefined
  let loading: Promise<Tools> | undefined
  let tools: Tools | undefined
  const load = async (key: PrivateKey): Promise<Tools> => {
    loading ??= loadTools(key)
    tools = await loading
    return tools
  }
  const encrypter = (components: TlsComponents): ConnectionEncrypter => {
    privateKey = components.privateKey
    // Without waiting, where that can be: what comes in meanwhile would have to be copied.
    const secured = async (connection: MessageStream, isServer: boolean, options?: SecureConnectionOptions) =>
      secure(components, tools ?? (await load(components.privateKey)), connection, isServer, options)
    return {
      protocol: PROTOCOL,
      secureInbound: (connection, options) => secured(connection, true, options),
      secureOutbound: (connection, options) => secured(connection, false, options),
    }
  }
  const prepare = async (): Promise<void> => {
    if (privateKey !== undefined) await load(privateKey)
  }
  return Object.assign(encrypter, { prepare })
}

async function loadTools(privateKey: PrivateKey): Promise<Tools> {
  const { generateCertificate, toMessageStream, toNodeDuplex } = await import('@libp2p/tls/utils')
  const secureContext = createSecureContext({
    ...(await generateCertificate(privateKey)),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
  })
  return { secureContext, toMessageStream, toNodeDuplex }
}

async function secure(
  components: TlsComponents,
  tools: Tools,
  connection: MessageStream,
  isServer: boolean,
  options: SecureConnectionOptions = {},
): Promise<SecuredConnection> {
  options.signal?.throwIfAborted()
  const muxers = options.skipStreamMuxerNegotiation === true ? undefined : components.upgrader.getStreamMuxers()
  const settings: TLSSocketOptions = {
    secureContext: tools.secureContext,
    isServer,
    // Certificates are made by the peers themselves: they are checked below, as the specification says.
    rejectUnauthorized: false,
    ALPNProtocols: [...(muxers?.keys() ?? []), 'libp2p'],
  }
  const raw = rawSocket(connection)
  const duplex = raw ?? tools.toNodeDuplex(connection)
  const socket = isServer
    ? new TLSSocket(duplex as never, { ...settings, requestCert: true })
    : connect({ socket: duplex, ...settings })
  if (raw !== undefined) takeOver(raw, socket, connection)
  const failed = Promise.withResolvers<never>()
  const fail = (error: Error): void => {
    socket.destroy()
    connection.abort(error)
    failed.reject(error)
  }
  const onAbort = (): void => fail(new Error('the TLS handshake took too long'))
  duplex.on('error', fail)
  socket.on('error', fail)
  options.signal?.addEventListener('abort', onAbort)
  try {
    return await Promise.race([failed.promise, handshake(socket, connection, muxers, { ...options, tools })])
  } catch (error) {
    fail(error instanceof Error ? error : new Error(String(error)))
    throw error
  } finally {
    options.signal?.removeEventListener('abort', onAbort)
  }
}

async function handshake(
  socket: TLSSocket,
  connection: MessageStream,
  muxers: Map<string, StreamMuxerFactory> | undefined,
  { tools, remotePeer: expected }: SecureConnectionOptions & { tools: Tools },
): Promise<SecuredConnection> {
  const secured = Promise.withResolvers<void>()
  const onClose = (): void => secured.reject(new Error('the connection was closed during the TLS handshake'))
  socket.once('secure', secured.resolve)
  socket.once('close', onClose)
  await secured.promise
  socket.off('close', onClose)
  const remotePeer = await verifyPeerCertificate(socket.getPeerCertificate().raw, expected)
  const chosen = socket.alpnProtocol
  // `libp2p` says that the muxer is negotiated later.
  const streamMuxer = typeof chosen === 'string' ? muxers?.get(chosen) : undefined
  return { remotePeer, connection: tools.toMessageStream(connection, socket), streamMuxer }
}

/** Returns the socket of a TCP connection, when nothing that came in on it waits to be read. */
function rawSocket(connection: MessageStream): Socket | undefined {
  const socket: unknown = Reflect.get(connection, 'socket')
  if (!(socket instanceof Socket) || connection.readBufferLength > 0 || connection.writeBufferLength > 0)
    return undefined
  return socket.writableLength > 0 || socket.readableLength > 0 ? undefined : socket
}

/** From here on the bytes of the socket are encrypted ones, and no business of the connection's. */
function takeOver(raw: Socket, socket: TLSSocket, connection: MessageStream): void {
  raw.removeAllListeners('data')
  raw.removeAllListeners('drain')
  raw.setTimeout(0)
  socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy(new Error('the connection was idle for too long')))
  socket.once('close', () => raw.destroy())
  const count: unknown = Reflect.get(connection, COUNT_BYTES)
  const add = (bytesIn: number, bytesOut: number): void => {
    if (typeof count === 'function') count(bytesIn, bytesOut)
  }
  socket.on('data', (chunk: Uint8Array) => add(chunk.length, 0))
  gatherWrites(socket, bytes => add(0, bytes))
}

/** What is written in one turn, frames and their heads, is encrypted together; `end` sends what still waits. */
function gatherWrites(socket: TLSSocket, count: (bytes: number) => void): void {
  const write = socket.write.bind(socket)
  const end = socket.end.bind(socket)
  // Bun puts all that waits into one fresh buffer before it writes; large pieces are better written as they are.
  if (process.versions.bun !== undefined) Reflect.set(socket, '_writev', null)
  let waiting: Uint8Array[] = []
  let bytes = 0
  let flushedAt = 0
  const flush = (): void => {
    const chunks = waiting
    waiting = []
    bytes = 0
    flushedAt = performance.now()
    if (socket.destroyed) return
    for (const record of recordsOf(chunks)) write(record)
  }
  Reflect.set(socket, 'write', (chunk: Uint8Array): boolean => {
    // What comes after a rest is likely all there is, and somebody waits for it: it does not wait for the rest of the turn.
    if (waiting.length === 0) (performance.now() - flushedAt > REST_MS ? queueMicrotask : process.nextTick)(flush)
    waiting.push(chunk)
    bytes += chunk.length
    count(chunk.length)
    return bytes + socket.writableLength < BUFFER_BYTES
  })
  Reflect.set(socket, 'end', (): unknown => {
    flush()
    return end()
  })
}

/** Yields the same bytes in pieces of whole records, but for the last: small chunks are put together, large ones cut. */
export function* recordsOf(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let begun: Uint8Array[] = []
  let size = 0
  for (const chunk of chunks) {
    if (size + chunk.length < RECORD_BYTES) {
      begun.push(chunk)
      size += chunk.length
      continue
    }
    let at = 0
    if (size > 0) {
      at = RECORD_BYTES - size
      yield Buffer.concat([...begun, chunk.subarray(0, at)])
    }
    const whole = at + Math.floor((chunk.length - at) / RECORD_BYTES) * RECORD_BYTES
    if (whole > at) yield chunk.subarray(at, whole)
    begun = whole < chunk.length ? [chunk.subarray(whole)] : []
    size = chunk.length - whole
  }
  if (size > 0) yield begun.length === 1 && begun[0] !== undefined ? begun[0] : Buffer.concat(begun)
}
