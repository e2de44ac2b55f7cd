import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { Authors } from './pubsub-authors.ts'
import { type RpcMessage, signedBytes } from './pubsub-wire.ts'

async function signed(
  key: PrivateKey,
  text: string,
): Promise<RpcMessage & { data: Uint8Array; signature: Uint8Array }> {
  const from = peerIdFromPrivateKey(key).toMultihash().bytes
  const plain = { from, data: Buffer.from(text), seqno: Buffer.alloc(8, 1), topic: 'authors' }
  return { ...plain, signature: await key.sign(signedBytes(plain)), key: publicKeyToProtobuf(key.publicKey) }
}

const keys = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('secp256k1'), generateKeyPair('RSA', 2048)])

test('messages of keys of every kind are known to be theirs, also when the key is known already', async () => {
  for (const key of keys) {
    const authors = new Authors()
    for (const text of ['one', 'two']) {
      const author = await authors.check(await signed(key, text))
      assert.equal(author?.peer, peerIdFromPrivateKey(key).toString(), key.type)
    }
  }
})

test('the key may be left out when the id holds it', async () => {
  for (const key of keys) {
    const author = await new Authors().check({ ...(await signed(key, 'text')), key: undefined })
    assert.equal(author !== undefined, key.type !== 'RSA', key.type)
  }
})

test('what is changed, unsigned, of another author or of no author is nobody’s', async () => {
  const [key, other] = await Promise.all([generateKeyPair('Ed25519'), generateKeyPair('Ed25519')])
  const [good, foreign] = await Promise.all([signed(key, 'text'), signed(other, 'text')])
  const wrong: RpcMessage[] = [
    { ...good, data: Buffer.from('texT') },
    { ...good, topic: 'other' },
    { ...good, seqno: Buffer.alloc(8, 2) },
    { ...good, seqno: Buffer.alloc(7, 1) },
    { ...good, seqno: undefined },
    { ...good, signature: undefined },
    { ...good, signature: good.signature.subarray(1) },
    { ...good, signature: foreign.signature },
    { ...good, from: foreign.from },
    { ...good, from: Buffer.from([0, 2, 1, 2]) },
    { ...good, from: undefined },
    { ...good, key: foreign.key },
    { ...good, key: Buffer.from([1, 2, 3]) },
  ]
  // Asked of one that knows nobody, and of one that knows the author.
  for (const authors of [new Authors(), new Authors()]) {
    for (const message of wrong) assert.equal(await authors.check(message), undefined)
    assert.ok(await authors.check(good))
    for (const message of wrong) assert.equal(await authors.check(message), undefined)
  }
})
