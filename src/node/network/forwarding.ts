import { createServer, connect as dialTcp, type Server, type Socket } from 'node:net'
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { Failure, systemFailure } from '../../contract/failure.ts'
import { parseAddress, parseTarget } from './addresses.ts'
import type { ForwardedListener, ForwardedStream, Forwarding, OpenListener } from './network.ts'
import type { Part, PartContext } from './parts.ts'
import { joinStreams } from './stream-socket.ts'

const LISTENERS_MAX = 1_024
const STREAMS_MAX = 4_096
const DIAL_TIMEOUT_MS = 30_000

/** Returns TCP connections over streams of libp2p. */
export function createForwarding(context: PartContext): Part<Forwarding> {
  return new Tunnels(context)
}

interface Tunnel extends ForwardedStream {
  readonly abort: () => void
}

class Tunnels implements Forwarding, AsyncDisposable {
  readonly #libp2p: Libp2p
  readonly #signal: AbortSignal
  readonly #log: PartContext['log']
  /** By what must not be there twice: the protocol of those that peers reach, the address of those that listen here. */
  readonly #listeners = new Map<string, OpenListener>()
  readonly #tunnels = new Map<number, Tunnel>()
  #nextId = 0

  constructor({ libp2p, signal, log }: PartContext) {
    this.#libp2p = libp2p
    this.#signal = signal
    this.#log = log
  }

  async listen(protocol: string, target: string, options: { reportPeerId?: boolean } = {}): Promise<OpenListener> {
    const address = parseAddress(target)
    const { host, port } = tcpOf(address)
    if (port === 0) throw new Failure('usage', 'port can not be 0')
    this.#refuseTwice(protocol)
    if (this.#libp2p.getProtocols().includes(protocol)) {
      throw new Failure('failed', `the protocol ${protocol} is spoken by the node itself`)
    }
    const accept = (stream: Stream, connection: Connection): void => {
      const socket = dialTcp({ host, port, allowHalfOpen: true })
      const peer = connection.remotePeer.toString()
      socket.once('connect', () => {
        if (options.reportPeerId === true) socket.write(`${peer}\n`)
        this.#join(stream, socket, { protocol, originAddress: `/p2p/${peer}`, targetAddress: address.toString() })
      })
      socket.once('error', error => stream.abort(error))
    }
    await this.#libp2p.handle(protocol, accept, { maxInboundStreams: STREAMS_MAX, runOnLimitedConnection: true })
    const about = { protocol, listenAddress: `/p2p/${this.#libp2p.peerId}`, targetAddress: address.toString() }
    return this.#add(protocol, about, () => this.#libp2p.unhandle(protocol))
  }

  async forward(protocol: string, listen: string, target: string): Promise<OpenListener> {
    const { host, port, name } = tcpOf(parseAddress(listen))
    const { peer, address } = parseTarget(target)
    if (address !== undefined) await this.#libp2p.peerStore.merge(peer, { multiaddrs: [address] })
    if (port !== 0) this.#refuseTwice(multiaddr(listen).toString())
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
    const bound = `/${name}/${host}/tcp/${await listening(server, host, port, listen)}`
    server.on('connection', socket => {
      socket.on('error', () => socket.destroy())
      void this.#open(socket, protocol, peer)
    })
    const about = { protocol, listenAddress: bound, targetAddress: `/p2p/${peer}` }
    // Connections that are open stay open, as in the reference implementation.
    return this.#add(bound, about, async () => void server.close())
  }

  listeners(): ForwardedListener[] {
    const all = [...this.#listeners.values()].map(({ protocol, listenAddress, targetAddress }) => ({
      protocol,
      listenAddress,
      targetAddress,
    }))
    // Those of `p2p forward` first, as in Kubo.
    const isForward = ({ targetAddress }: ForwardedListener): boolean => targetAddress.startsWith('/p2p/')
    return [...all.filter(isForward), ...all.filter(listener => !isForward(listener))]
  }

  async closeListeners(filter: { protocol?: string; listenAddress?: string; targetAddress?: string }): Promise<number> {
    const listenAddress = filter.listenAddress === undefined ? undefined : parseAddress(filter.listenAddress).toString()
    const targetAddress = filter.targetAddress === undefined ? undefined : parseAddress(filter.targetAddress).toString()
    let closed = 0
    for (const listener of [...this.#listeners.values()]) {
      if (filter.protocol !== undefined && filter.protocol !== listener.protocol) continue
      if (listenAddress !== undefined && listenAddress !== listener.listenAddress) continue
      if (targetAddress !== undefined && targetAddress !== listener.targetAddress) continue
      await listener.close()
      closed += 1
    }
    return closed
  }

  streams(): ForwardedStream[] {
    return [...this.#tunnels.values()].map(({ id, protocol, originAddress, targetAddress }) => ({
      id,
      protocol,
      originAddress,
      targetAddress,
    }))
  }

  closeStreams(id?: number): void {
    for (const tunnel of this.#tunnels.values()) if (id === undefined || id === tunnel.id) tunnel.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeListeners({})
    this.closeStreams()
  }

  #add(key: string, about: ForwardedListener, stop: () => Promise<void>): OpenListener {
    const closed = Promise.withResolvers<void>()
    const listener: OpenListener = {
      ...about,
      closed: closed.promise,
      close: async () => {
        if (this.#listeners.get(key) !== listener) return
        this.#listeners.delete(key)
        await stop()
        closed.resolve()
      },
    }
    this.#listeners.set(key, listener)
    return listener
  }

  #refuseTwice(key: string): void {
    if (this.#listeners.has(key)) throw new Failure('failed', 'listener already registered')
    if (this.#listeners.size >= LISTENERS_MAX)
      throw new Failure('failed', `there are ${LISTENERS_MAX} listeners already`)
  }

  async #open(socket: Socket, protocol: string, peer: PeerId): Promise<void> {
    try {
      const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)])
      const connection = await this.#libp2p.dial(peer, { signal })
      const stream = await connection.newStream(protocol, {
        signal,
        runOnLimitedConnection: true,
        negotiateFully: true,
        maxOutboundStreams: STREAMS_MAX,
      })
      const { remoteAddress, remotePort, remoteFamily } = socket
      const name = remoteFamily === 'IPv6' ? 'ip6' : 'ip4'
      this.#join(stream, socket, {
        protocol,
        originAddress: `/${name}/${remoteAddress}/tcp/${remotePort}`,
        targetAddress: `/p2p/${peer}`,
      })
    } catch (error) {
      socket.destroy()
      this.#log('net', 'warn', `p2p: no stream to ${peer} for ${protocol}: ${String(error)}`)
    }
  }

  #join(stream: Stream, socket: Socket, about: Omit<ForwardedStream, 'id'>): void {
    if (this.#tunnels.size >= STREAMS_MAX) {
      stream.abort(new Error('too many streams'))
      socket.destroy()
      return
    }
    const id = this.#nextId++
    const { done, abort } = joinStreams(stream, socket)
    this.#tunnels.set(id, { id, ...about, abort })
    void done.then(() => this.#tunnels.delete(id))
  }
}

/** Returns where an address of TCP points to. Throws a `usage` Failure for another one. */
function tcpOf(address: Multiaddr): { name: string; host: string; port: number } {
  const [ip, tcp, ...others] = address.getComponents()
  const isHost = ip !== undefined && ['ip4', 'ip6', 'dns', 'dns4', 'dns6'].includes(ip.name)
  if (!isHost || tcp?.name !== 'tcp' || ip.value === undefined || others.length > 0) {
    throw new Failure('usage', `${address}: an address like /ip4/127.0.0.1/tcp/8080 is wanted`)
  }
  return { name: ip.name, host: ip.value, port: Number(tcp.value) }
}

/** Returns the port. */
async function listening(server: Server, host: string, port: number, subject: string): Promise<number> {
  const ready = Promise.withResolvers<void>()
  server.once('error', ready.reject)
  server.listen({ host, port }, ready.resolve)
  try {
    await ready.promise
  } catch (error) {
    throw systemFailure(error, subject)
  }
  server.off('error', ready.reject)
  server.on('error', () => undefined)
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}
