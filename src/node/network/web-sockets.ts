import type { EventEmitter } from 'node:events'
import type { Listener } from '@libp2p/interface'
import { webSockets as createWebSockets } from '@libp2p/websockets'

/**
 * Returns the WebSockets of libp2p, whose listeners wait until the servers that they are made of have said that they are
 * closed. On Bun those that never listened themselves do not say so: they are made to when the one has that listened.
 */
export function webSockets(): ReturnType<typeof createWebSockets> {
  const create = createWebSockets()
  return components => {
    const transport = create(components)
    const createListener = transport.createListener.bind(transport)
    transport.createListener = options => closingForSure(createListener(options))
    return transport
  }
}

function closingForSure(listener: Listener): Listener {
  const close = listener.close.bind(listener)
  listener.close = async () => {
    const [server, ...inner] = ['server', 'http', 'https', 'wsServer'].map(name => emitterAt(listener, name))
    server?.once('close', () => {
      for (const one of inner) one?.emit('close')
    })
    await close()
  }
  return listener
}

function emitterAt(listener: Listener, name: string): EventEmitter | undefined {
  const value: unknown = Reflect.get(listener, name)
  return isEmitter(value) ? value : undefined
}

function isEmitter(value: unknown): value is EventEmitter {
  return typeof value === 'object' && value !== null && 'emit' in value && 'once' in value
}
