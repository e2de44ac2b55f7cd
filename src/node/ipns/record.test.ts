import assert from 'node:assert/strict'
import { test } from 'node:test'
import { privateKeyFromProtobuf } from '@libp2p/crypto/keys'
import { createIPNSRecord, marshalIPNSRecord, unmarshalIPNSRecord } from 'ipns'
import { ipnsValidator } from 'ipns/validator'
import { generateKey, marshalPrivateKey, peerIdBytes } from '../../repo/keys.ts'
import { formatMoment, parseMoment } from './moment.ts'
import { formatName, parseName, routingKey } from './name.ts'
import {
  checkRecord,
  compareRecords,
  createRecord,
  parseRecord,
  sequenceOf,
  signatureType,
  targetOf,
  ttlOf,
} from './record.ts'
import { decodeForm, encodeForm } from './record-form.ts'

const VALUE = '/ipfs/Qme9DwFkJpnuWnV5rjv3TigV9iD7VHTWxoqzWFkQaAo37i'
const HOUR_MS = 3_600_000

function facts(sequence: bigint, more: { v1compat?: boolean; validUntilMs?: number } = {}) {
  return { value: VALUE, sequence, validUntilMs: Date.now() + HOUR_MS, ttlMs: 60_000, v1compat: true, ...more }
}

for (const type of ['ed25519', 'secp256k1', 'rsa'] as const) {
  test(`records signed with ${type} are valid here and for others, and theirs here`, async () => {
    const key = await generateKey(type)
    const name = peerIdBytes(key.publicKey)
    for (const v1compat of [true, false]) {
      const record = await createRecord(key, facts(7n, { v1compat }))
      await checkRecord(record, name)
      assert.equal(signatureType(record), v1compat ? 'V1+V2' : 'V2')
      await ipnsValidator(routingKey(name), record.bytes)
      const other = unmarshalIPNSRecord(record.bytes)
      assert.deepEqual([other.value, other.sequence, other.ttl], [VALUE, 7n, 60_000_000_000n])

      const theirs = await createIPNSRecord(
        privateKeyFromProtobuf(marshalPrivateKey(key)),
        VALUE,
        (2n ** 63n - 1n) as never,
        HOUR_MS,
        {
          v1Compatible: v1compat as true,
          ttlNs: 5,
        },
      )
      const ours = parseRecord(marshalIPNSRecord(theirs))
      await checkRecord(ours, name)
      assert.deepEqual([await targetOf(ours), sequenceOf(ours), ttlOf(ours)], [VALUE, 2n ** 63n - 1n, 5n])
    }
  })
}

test('a number above 2^63 is signed as Kubo signs it, below zero', async () => {
  const key = await generateKey('ed25519')
  for (const sequence of [2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    const record = await createRecord(key, facts(sequence))
    await checkRecord(record, peerIdBytes(key.publicKey))
    assert.equal(record.data.get('Sequence'), BigInt.asIntN(64, sequence))
    assert.equal(sequenceOf(record), sequence)
  }
})

test('a record that was changed, is expired or is of another key is refused', async () => {
  const key = await generateKey('ed25519')
  const name = peerIdBytes(key.publicKey)
  const record = await createRecord(key, facts(1n))
  const other = peerIdBytes((await generateKey('ed25519')).publicKey)
  await assert.rejects(checkRecord(record, other), /signature verification failed/)
  await assert.rejects(checkRecord(record, name, Date.now() + 2 * HOUR_MS), /record is expired/)
  const changes: [string, Parameters<typeof encodeForm>[0], RegExp][] = [
    ['value', { value: new TextEncoder().encode('/ipfs/bafkqaaa') }, /field "Value" did not match/],
    ['sequence', { sequence: 2n }, /field "Sequence" did not match/],
    ['ttl', { ttl: 1n }, /field "TTL" did not match/],
    ['signature', { signatureV2: new Uint8Array(64) }, /signature verification failed/],
    ['no signature', { signatureV2: new Uint8Array() }, /signature verification failed/],
  ]
  for (const [what, change, message] of changes) {
    const changed = parseRecord(encodeForm({ ...decodeForm(record.bytes), ...change }))
    await assert.rejects(checkRecord(changed, name), message, what)
  }
  const rsa = await createRecord(await generateKey('rsa'), facts(1n))
  await assert.rejects(checkRecord(rsa, name), /does not match the expected public key/)
})

test('what is no record is refused, wherever it is cut', async () => {
  const { bytes } = await createRecord(await generateKey('ed25519'), facts(1n))
  for (let length = 0; length < bytes.length; length += 1) {
    assert.throws(() => parseRecord(bytes.subarray(0, length)), { kind: 'failed' }, `cut to ${length}`)
  }
  assert.throws(() => parseRecord(new Uint8Array(10_241)), /exceeds allowed size limit/)
})

test('of two records the one with the higher sequence is newer, then the one that lasts longer', async () => {
  const key = await generateKey('ed25519')
  const first = await createRecord(key, facts(1n))
  const second = await createRecord(key, facts(2n, { validUntilMs: Date.now() + 1000 }))
  const longer = await createRecord(key, facts(1n, { validUntilMs: Date.now() + 2 * HOUR_MS }))
  assert.ok(compareRecords(second, first) > 0)
  assert.ok(compareRecords(first, longer) < 0)
  assert.equal(compareRecords(first, first), 0)
})

test('names are read in every form and written in any base', () => {
  const name = 'k51qzi5uqu5dljtg5upm7x7ugan9lql3ewyknv4r4mhhkwzn8n7cnbd1unfwgq'
  const multihash = parseName(name)
  assert.equal(formatName(multihash), name)
  for (const base of ['base32', 'base58btc', 'base16', 'b58mh']) {
    assert.deepEqual(parseName(formatName(multihash, base)), multihash, base)
  }
  assert.match(formatName(multihash, 'b58mh'), /^12D3Koo/)
  assert.deepEqual(parseName(`/ipns/${name}`), multihash)
  const others = ['', 'nonsense', 'QmQm', 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e', '12D3KooW']
  for (const text of others) assert.throws(() => parseName(text), { kind: 'usage' }, text)
})

test('moments keep their nanoseconds', () => {
  for (const text of ['2026-11-26T06:14:49.32557675Z', '2026-11-26T06:14:49Z', '2030-01-01T00:00:00.000000001Z']) {
    assert.equal(formatMoment(parseMoment(text) ?? 0n), text)
  }
  assert.equal(formatMoment(parseMoment('2026-11-26T08:14:49.5+02:00') ?? 0n), '2026-11-26T06:14:49.5Z')
  for (const text of ['', 'tomorrow', '2026-11-26', '2026-13-26T06:14:49Z']) assert.equal(parseMoment(text), undefined)
})
