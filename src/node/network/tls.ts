import { connect, TLSSocket, type TLSSocketOptions } from 'node:tls'
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
import { generateCertificate, toMessageStream, toNodeDuplex, verifyPeerCertificate } from '@libp2p/tls/utils'

/** https://github.com/libp2p/specs/blob/master/tls/tls.md */
const PROTOCOL = '/tls/1.0.0'

interface TlsComponents {
  readonly privateKey: PrivateKey
  readonly logger: ComponentLogger
  readonly upgrader: Upgrader
}

/**
 * Returns the TLS of libp2p. It does what `@libp2p/tls` 3.1 does, but for one thing: that one hands `ALPNProtocols` and
 * `ALPNCallback` to both ends, which Bun refuses. Here both ends have the list alone, and the server's order decides,
 * which comes to the same. To be dropped when the package works on Bun.
 */
export function tls(): (components: TlsComponents) => ConnectionEncrypter {
  return components => ({
    protocol: PROTOCOL,
    secureInbound: (connection, options) => secure(components, connection, true, options),
    secureOutbound: (connection, options) => secure(components, connection, false, options),
  })
}

async function secure(
  components: TlsComponents,
  connection: MessageStream,
  isServer: boolean,
  options: SecureConnectionOptions = {},
): Promise<SecuredConnection> {
  const muxers = options.skipStreamMuxerNegotiation === true ? undefined : components.upgrader.getStreamMuxers()
  const settings: TLSSocketOptions = {
    ...(await generateCertificate(components.privateKey, options)),
    isServer,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    // Certificates are made by the peers themselves: they are checked below, as the specification says.
    rejectUnauthorized: false,
    ALPNProtocols: [...(muxers?.keys() ?? []), 'libp2p'],
  }
  const duplex = toNodeDuplex(connection)
  const socket = isServer
    ? new TLSSocket(duplex as never, { ...settings, requestCert: true })
    : connect({ socket: duplex, ...settings })
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
    return await Promise.race([failed.promise, handshake(socket, connection, muxers, options)])
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
  options: SecureConnectionOptions,
): Promise<SecuredConnection> {
  await new Promise<void>(resolve => socket.once('secure', () => resolve()))
  const remotePeer = await verifyPeerCertificate(socket.getPeerCertificate().raw, options.remotePeer, connection.log)
  const chosen = socket.alpnProtocol
  // `libp2p` says that the muxer is negotiated later.
  const streamMuxer = typeof chosen === 'string' ? muxers?.get(chosen) : undefined
  return { remotePeer, connection: toMessageStream(connection, socket), streamMuxer }
}
