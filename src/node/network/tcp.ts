import { tcp as createTcp } from '@libp2p/tcp'

type Connect = (address: unknown, options: object) => Promise<unknown>

/**
 * Returns the TCP of libp2p, with one thing kept from its sockets: the signal that ends a dial. The transport listens to
 * it itself, and takes its error listener away; on Bun a socket that knows of the signal throws then, with nobody there
 * to catch it. To be dropped when the package does not hand the signal on.
 */
export function tcp(): ReturnType<typeof createTcp> {
  const create = createTcp()
  return components => {
    const transport = create(components)
    const connect: unknown = Reflect.get(transport, '_connect')
    if (!isConnect(connect)) return transport
    const quiet: Connect = async (address, options) => await connect.call(transport, address, withoutOwnSignal(options))
    Reflect.set(transport, '_connect', quiet)
    return transport
  }
}

/** The signal can be read as before, and is not among what is copied out of the options. */
function withoutOwnSignal(options: object): object {
  const { signal, ...others } = { signal: undefined, ...options }
  return Object.assign(Object.create({ signal }), others)
}

function isConnect(value: unknown): value is Connect {
  return typeof value === 'function'
}
