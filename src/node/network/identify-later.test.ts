import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLibp2p, type Libp2p } from 'libp2p'
import { Identifying } from './identify-later.ts'
import { plainNodeOptions } from './plain-node.suite.ts'

async function node(identifying: Identifying, isDelayed: boolean): Promise<Libp2p> {
  return await createLibp2p({
    ...(await plainNodeOptions()),
    nodeInfo: { userAgent: 'somebody/1.0' },
    services: { identify: identifying.service(isDelayed) },
  })
}

test('peers are asked when somebody wants to know, else a moment later', async () => {
  const [hurried, patient] = [new Identifying(), new Identifying()]
  const [a, b] = await Promise.all([node(hurried, true), node(patient, true)])
  try {
    const later = new Promise<unknown>(resolve => b.addEventListener('peer:identify', resolve, { once: true }))
    let asked = false
    a.addEventListener('peer:identify', () => {
      asked = true
    })
    await a.dial(b.getMultiaddrs())
    assert.equal(asked, false)
    await hurried.settled()
    assert.equal(asked, true)
    const { metadata } = await a.peerStore.get(b.peerId)
    assert.equal(Buffer.from(metadata.get('AgentVersion') ?? []).toString(), 'somebody/1.0')
    await later
    await hurried.settled()
  } finally {
    await Promise.all([a.stop(), b.stop()])
  }
})
