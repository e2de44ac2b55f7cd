import type { Upgrader } from '@libp2p/interface'
import { tcp as createTcp } from '@libp2p/tcp'
import { isMultiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { withPart } from './parts.ts'

type Connect = (address: unknown, options: object) => Promise<unknown>

/** How peers are dialled that are outside of this network. */
export interface OutsideDials {
  /** From where. */
  readonly localPort: number
  /** Returns true for addresses that are outside. */
  applies(address: Multiaddr): boolean
  /** Returns true when the other end, which dials at the same time, begins the handshakes. */
  answers(address: Multiaddr): boolean
}

/**
 * Returns the TCP of libp2p, with one thing kept from its sockets: the signal that ends a dial. The transport listens to
 * it itself, and takes its error listener away; on Bun a socket that knows of the signal throws then, with nobody there
 * to catch it. To be dropped when the package does not hand the signal on.
 */
export function tcp(outside?: OutsideDials): ReturnType<typeof createTcp> {
  const create = createTcp()
  return components => {
    const transport = create(components)
    const connect: unknown = Reflect.get(transport, '_connect')
    if (!isConnect(connect)) return transport
    const quiet: Connect = async (address, options) => {
      if (outside !== undefined && isMultiaddr(address) && outside.applies(address)) {
        try {
          const { localPort } = outside
          return await connect.call(transport, address, Object.assign(withoutOwnSignal(options), { localPort }))
        } catch (error) {
          // There is a connection between these two ports already, or was a moment ago: any other port will do.
          if (!isTaken(error)) throw error
        }
      }
      return await connect.call(transport, address, withoutOwnSignal(options))
    }
    Reflect.set(transport, '_connect', quiet)
    const dial = transport.dial.bind(transport)
    transport.dial = async (address, options) =>
      await dial(address, outside?.answers(address) === true ? answering(options) : options)
    return transport
  }
}

/** Has a connection that was dialled here be taken for one that came in: libp2p means to, and forgets it on the way. */
function answering<T extends { readonly upgrader: Upgrader }>(options: T): T {
  const { upgrader } = options
  const upgradeOutbound: Upgrader['upgradeOutbound'] = async (connection, settings) => {
    // The muxer numbers its streams by it.
    Reflect.set(connection, 'direction', 'inbound')
    return await upgrader.upgradeOutbound(connection, { ...settings, initiator: false })
  }
  return Object.assign(options, { upgrader: withPart(upgrader, { upgradeOutbound }) })
}

/** The signal can be read as before, and is not among what is copied out of the options. */
function withoutOwnSignal(options: object): object {
  const { signal, ...others } = { signal: undefined, ...options }
  return Object.assign(Object.create({ signal }), others)
}

function isConnect(value: unknown): value is Connect {
  return typeof value === 'function'
}

function isTaken(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  return code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL'
}
