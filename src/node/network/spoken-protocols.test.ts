import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import type { PeerId } from '@libp2p/interface'
import type { Components } from './parts.ts'
import { storeProtocolsOnce } from './spoken-protocols.ts'

const peer = named('peer')
const self = named('self')

function named(name: string): PeerId {
  return { toString: () => name, equals: (other: unknown) => String(other) === name } as unknown as PeerId
}

/** The members of libp2p that are used: a store that notes what is merged, and events. */
function store() {
  const events = new EventTarget()
  const merged: unknown[] = []
  const peerStore = { merge: async (id: PeerId, data: object) => void merged.push([String(id), data]) }
  storeProtocolsOnce({ peerStore, events, peerId: self } as unknown as Components)
  const tell = (name: string, detail: unknown): void => void events.dispatchEvent(new CustomEvent(name, { detail }))
  return { peerStore, merged, tell }
}

test('what a peer was identified with is not stored again', async () => {
  const { peerStore, merged, tell } = store()
  tell('peer:identify', { peerId: peer, protocols: ['/a', '/b'] })
  await peerStore.merge(peer, { protocols: ['/a'] })
  assert.deepEqual(merged, [])
  await peerStore.merge(peer, { protocols: ['/c'] })
  await peerStore.merge(peer, { protocols: ['/c'] })
  assert.deepEqual(merged, [['peer', { protocols: ['/c'] }]])
})

test('before that it is given a moment, and stored when it says nothing', async () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  try {
    const { peerStore, merged, tell } = store()
    await peerStore.merge(peer, { protocols: ['/a'] })
    tell('peer:identify', { peerId: peer, protocols: ['/a'] })
    mock.timers.tick(2_000)
    assert.deepEqual(merged, [])
    tell('peer:disconnect', peer)
    await peerStore.merge(peer, { protocols: ['/a'] })
    mock.timers.tick(2_000)
    assert.deepEqual(merged, [['peer', { protocols: ['/a'] }]])
  } finally {
    mock.timers.reset()
  }
})

test('all else is handed on', async () => {
  const { peerStore, merged } = store()
  await peerStore.merge(peer, { protocols: ['/a'], tags: {} })
  await peerStore.merge(peer, { tags: {} })
  await peerStore.merge(self, { protocols: ['/a'] })
  assert.deepEqual(merged, [
    ['peer', { protocols: ['/a'], tags: {} }],
    ['peer', { tags: {} }],
    ['self', { protocols: ['/a'] }],
  ])
})
