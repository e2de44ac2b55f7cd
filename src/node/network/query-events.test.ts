import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { isUntold, queryEvent } from './query-events.ts'

const OWN = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'
const OTHER = '12D3KooWQhXQYVcbmpkXARiJsoANRDs3XweF3YmP9RP4GxX9pDkb'

test('a peer that is named twice in an answer is told once', () => {
  const info = { id: peerIdFromString(OTHER), multiaddrs: [multiaddr('/ip4/192.0.2.1/tcp/4001')] }
  const event = { type: 1, name: 'PEER_RESPONSE', from: peerIdFromString(OWN), closer: [info, info] }
  assert.deepEqual(queryEvent(event as never), {
    type: 1,
    peer: OWN,
    responses: [{ peer: OTHER, addresses: ['/ip4/192.0.2.1/tcp/4001'] }],
  })
})

test('no dial is told of to a peer that is connected, and no answer of this node', () => {
  const isConnected = (peer: string): boolean => peer === OTHER
  assert.equal(isUntold({ type: 7, peer: OTHER }, OWN, isConnected), true)
  assert.equal(isUntold({ type: 7, peer: OWN }, OWN, isConnected), false)
  assert.equal(isUntold({ type: 1, peer: OWN }, OWN, isConnected), true)
  assert.equal(isUntold({ type: 1, peer: OTHER }, OWN, isConnected), false)
  assert.equal(isUntold({ type: 0, peer: OWN }, OWN, isConnected), false)
})
