import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLibp2p } from 'libp2p'
import { LeftPeers } from './left-peers.ts'
import { ping } from './ping.ts'
import { plainNodeOptions } from './plain-node.suite.ts'

async function node(left: LeftPeers) {
  return await createLibp2p({
    ...(await plainNodeOptions()),
    connectionManager: { maxParallelReconnects: 0 },
    services: { ping: ping(left) },
  })
}

test('a ping does not connect to a peer again that was left, until it is met again', async () => {
  const left = new LeftPeers()
  const [a, b] = await Promise.all([node(left), node(new LeftPeers())])
  try {
    const { remotePeer } = await a.dial(b.getMultiaddrs())
    assert.ok((await a.services.ping.ping(remotePeer)) >= 0)
    left.leave(remotePeer)
    await a.hangUp(remotePeer)
    await assert.rejects(a.services.ping.ping(remotePeer), /disconnected/)
    assert.equal(a.getConnections().length, 0)
    left.meet(remotePeer)
    assert.ok((await a.services.ping.ping(remotePeer)) >= 0)
  } finally {
    await Promise.all([a.stop(), b.stop()])
  }
})

test('of many peers that were left the last are remembered', () => {
  const left = new LeftPeers()
  for (let at = 0; at < 1_025; at += 1) left.leave(`peer ${at}`)
  assert.deepEqual([left.has('peer 0'), left.has('peer 1'), left.has('peer 1024')], [false, true, true])
})
