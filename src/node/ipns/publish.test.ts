import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { GLOBALS_DEFAULT } from '../../contract/globals.ts'
import { peerIdBytes } from '../../repo/keys.ts'
import { openRepo } from '../../repo/open.ts'
import { resolveName, searchRecords } from '../naming.ts'
import { openNode } from '../open.ts'
import { findKey, selfKey } from './keys.ts'
import { formatName } from './name.ts'
import { publishName } from './publish.ts'
import { checkRecord, parseRecord, sequenceOf, targetOf, validUntil } from './record.ts'
import { republishOnce, republishTimes } from './republisher.ts'
import { keepFetched, publishedRecord } from './stored-names.ts'

const GLOBALS = { ...GLOBALS_DEFAULT, offline: true }
const HOUR_MS = 3_600_000
const EMPTY = '/ipfs/bafkqaaa'
const HELLO = '/ipfs/bafkqabtimvwgy3yk'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tsipfs-names-'))
})
after(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function open(name: string) {
  const repo = await openRepo(join(folder, name), { globals: GLOBALS, create: true })
  return openNode(repo, { globals: GLOBALS })
}

const request = (target: string, sequence?: bigint) =>
  ({ target, lifetimeMs: HOUR_MS, ttlMs: 60_000, v1compat: true, sequence, mode: 'here' }) as const

test('numbers go up when the target changes, and are never given out twice', async () => {
  await using node = await open('numbers')
  const key = await selfKey(node.repo)
  const name = peerIdBytes(key.publicKey)
  const present = async () => parseRecord((await publishedRecord(node.repo.values, name)) ?? new Uint8Array())
  for (const [target, sequence] of [
    [EMPTY, 0n],
    [EMPTY, 0n],
    [HELLO, 1n],
    [EMPTY, 2n],
  ] as const) {
    await publishName(node, key, request(target))
    assert.deepEqual([await targetOf(await present()), sequenceOf(await present())], [target, sequence])
  }
  await publishName(node, key, request(EMPTY, 10n))
  await assert.rejects(publishName(node, key, request(EMPTY, 10n)), /must be greater/)
  // Side by side, each with a target of its own: every one takes a number of its own.
  const targets = Array.from({ length: 8 }, (_, at) => `${EMPTY}/${at}`)
  await Promise.all(targets.map(target => publishName(node, key, request(target))))
  assert.equal(sequenceOf(await present()), 18n)
})

test('of the records that are here the newest counts, and one that expired does not', async () => {
  await using node = await open('newest')
  const key = await selfKey(node.repo)
  const name = await publishName(node, key, request(EMPTY))
  assert.equal(await resolveName(node, formatName(name)), EMPTY)
  const old = await publishedRecord(node.repo.values, name)
  assert.ok(old)
  await publishName(node, key, request(HELLO))
  await keepFetched(node.repo, name, { bytes: old, fetchedAt: Date.now() })
  assert.equal(await resolveName(node, formatName(name)), HELLO)
  await publishName(node, key, { ...request(`${HELLO}/x`), lifetimeMs: -1 })
  await keepFetched(node.repo, name, { bytes: old, fetchedAt: Date.now() })
  assert.equal(await resolveName(node, formatName(name)), EMPTY)
  const records = await Array.fromAsync(searchRecords(node, name, {}))
  assert.equal(records.length, 1)
})

test('what the keys of a repo have published is signed anew, and nothing else', async () => {
  await using node = await open('again')
  const key = await selfKey(node.repo)
  const name = await publishName(node, key, { ...request(HELLO), v1compat: false })
  const put: Uint8Array[] = []
  const republishing = {
    repo: node.repo,
    put: async (_: Uint8Array, record: Uint8Array) => void put.push(record),
    log: assert.fail,
  }
  assert.equal(await republishOnce(republishing, 5 * HOUR_MS), true)
  assert.equal(put.length, 1)
  const again = parseRecord(put[0] ?? new Uint8Array())
  await checkRecord(again, name)
  assert.deepEqual([await targetOf(again), sequenceOf(again), again.form.signatureV1], [HELLO, 0n, undefined])
  assert.ok(Number(validUntil(again) / 1_000_000n) > Date.now() + 4 * HOUR_MS)
  const failing = { ...republishing, put: () => Promise.reject(new Error('no')), log: () => undefined }
  assert.equal(await republishOnce(failing, HOUR_MS), false)
  assert.throws(() => republishTimes({ Ipns: { RepublishPeriod: '30s' } }), /is not between 1min and 1day/)
  assert.throws(() => republishTimes({ Ipns: { RecordLifetime: '1h' } }), /must be >= IPNS.RepublishPeriod \(4h0m0s\)/)
})

test('keys are found by name and by peer id', async () => {
  await using node = await open('keys')
  const self = await selfKey(node.repo)
  const found = await findKey(node.repo, formatName(peerIdBytes(self.publicKey), 'b58mh'))
  assert.deepEqual(found.data, self.data)
  await assert.rejects(findKey(node.repo, 'nothing'), { kind: 'not-found' })
})
