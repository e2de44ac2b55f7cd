import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerInfo } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { pacedWalk } from './random-walk.ts'

async function peers(count: number): Promise<PeerInfo[]> {
  const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
  return Array.from({ length: count }, () => ({ id, multiaddrs: [] }))
}

test('a walk that meets nobody lets others run, until somebody comes or nobody looks', async () => {
  let go: () => void = () => undefined
  const walk = pacedWalk({ getClosestPeers: async function* () {} }, next => {
    go = next
    return { [Symbol.dispose]: () => undefined }
  })
  const key = new Uint8Array(32)
  const over = new AbortController()
  const walking = (async () => {
    let rounds = 0
    for (; !over.signal.aborted; rounds++) {
      for await (const _ of walk.getClosestPeers(key, { signal: over.signal })) assert.fail('nobody is there')
    }
    return rounds
  })()
  // Would never come if the walks went on in one turn.
  await new Promise(resolve => setImmediate(resolve))
  go()
  await new Promise(resolve => setImmediate(resolve))
  over.abort()
  assert.equal(await walking, 2)
})

test('a large network is walked through without a pause', async () => {
  const many = await peers(20)
  const walk = pacedWalk(
    {
      getClosestPeers: async function* () {
        yield* many
      },
    },
    () => assert.fail('waits'),
  )
  let count = 0
  for await (const _ of walk.getClosestPeers(new Uint8Array(32))) count += 1
  assert.equal(count, 20)
})
