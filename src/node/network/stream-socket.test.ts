import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import type { Stream } from '@libp2p/interface'
import { createLibp2p } from 'libp2p'
import { plainNodeOptions } from './plain-node.suite.ts'
import { joinStreams } from './stream-socket.ts'

const PROTOCOL = '/x/test'

async function node() {
  return await createLibp2p(await plainNodeOptions())
}

test('a tunnel ends whose other end has finished and takes nothing more', async () => {
  const [a, b] = await Promise.all([node(), node()])
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  client.on('error', () => undefined)
  const [socket] = (await once(server, 'connection')) as [Socket]
  try {
    const joined = Promise.withResolvers<{ done: Promise<void> }>()
    await b.handle(PROTOCOL, stream => joined.resolve(joinStreams(stream, socket, 50)))
    const stream: Stream = await (await a.dial(b.getMultiaddrs())).newStream(PROTOCOL)
    stream.pause()
    await stream.close()
    const { done } = await joined.promise
    // More than the window of a stream holds.
    client.write(Buffer.alloc(32 * 1024 * 1024))
    await done
    assert.equal(socket.destroyed, true)
  } finally {
    client.destroy()
    server.close()
    await Promise.all([a.stop(), b.stop()])
  }
})
