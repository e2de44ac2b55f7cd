/** CARs, nodes and CIDs that somebody made to do harm: each is refused, or taken for what it is, within bounds. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CID } from 'multiformats/cid'
import { Failure } from '../../src/contract/failure.ts'
import { openCar } from '../../src/node/car-reader.ts'
import { CidError, decodeCid } from '../../src/node/cid.ts'
import { CODECS, decodeValue, linksOf } from '../../src/node/codecs.ts'
import { packCar } from '../../src/node/dag-export.ts'
import { CarImporter } from '../../src/node/dag-import.ts'
import { encodeDagPb } from '../../src/node/dag-pb.ts'
import { digest } from '../../src/node/hash.ts'
import { checkRecord, createRecord, parseRecord, sequenceOf, targetOf } from '../../src/node/ipns/record.ts'
import { encodeUnixfs } from '../../src/node/unixfs.ts'
import { openEntry } from '../../src/node/unixfs-entry.ts'
import { generateKey, peerIdBytes } from '../../src/repo/keys.ts'
import { memoryBlocks } from '../../src/repo/memory.ts'
import type { Block, Pins } from '../../src/repo/roles.ts'
import { Place } from './program.ts'

const MUTATIONS = 5_000
const SECONDS_MAX = 25
const BYTES_MAX = 200 * 1024 * 1024
const CONTENT = readFileSync(join(import.meta.dirname, 'gateway/content.car'))

/** Returns a source of numbers that is the same every time. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Returns a copy of which a few bytes are others, cut off, doubled or put in between. */
function mutated(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let copy = Uint8Array.from(bytes)
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(copy.length + 1)
    switch (random(6)) {
      case 0:
        copy = copy.slice(0, at)
        break
      case 1:
        copy = Uint8Array.from([...copy.subarray(0, at), ...copy.subarray(random(copy.length + 1))])
        break
      case 2:
        copy = Uint8Array.from([...copy.subarray(0, at), 0xff, 0xff, 0xff, 0xff, 0x7f, ...copy.subarray(at)])
        break
      default:
        if (at < copy.length) copy[at] = random(3) === 0 ? 0xff : random(256)
    }
  }
  return copy
}

/** Runs what may fail, but in no other way than is foreseen. Returns whether it failed. */
async function fails(work: () => unknown): Promise<boolean> {
  try {
    await work()
    return false
  } catch (error) {
    if (error instanceof Failure && error.kind !== 'bug') return true
    if (error instanceof CidError) return true
    throw error
  }
}

async function* of(...pieces: Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* pieces
}

const noPins = {} as Pins

async function importCar(...pieces: Uint8Array[]): Promise<number> {
  const importer = new CarImporter({ blocks: memoryBlocks(), pins: noPins }, { allowBigBlock: false })
  await importer.add(of(...pieces))
  return importer.stats.blocks
}

test(`${MUTATIONS} mutations of a CAR are imported or refused, and only blocks that match are taken`, async () => {
  const random = randomFrom(1)
  let refused = 0
  for (let round = 0; round < MUTATIONS; round++) {
    const bytes = mutated(CONTENT.subarray(0, 2_000 + random(2_000)), random)
    const cut = random(bytes.length + 1)
    if (await fails(() => importCar(bytes.subarray(0, cut), bytes.subarray(cut)))) refused += 1
  }
  assert.ok(refused > MUTATIONS * 0.8, `${refused} were refused`)
  assert.ok((await importCar(CONTENT)) > 100)
})

async function blocksOf(code: number): Promise<{ cid: CID; bytes: Uint8Array }[]> {
  const found: { cid: CID; bytes: Uint8Array }[] = []
  const car = await openCar(of(CONTENT))
  for await (const block of car.blocks()) if (block.cid.code === code) found.push(block)
  return found
}

for (const [name, code] of [
  ['dag-cbor', CODECS['dag-cbor']],
  ['dag-json', CODECS['dag-json']],
  ['dag-pb', CODECS['dag-pb']],
] as const) {
  test(`${MUTATIONS} mutations of ${name} are decoded or refused`, async () => {
    const random = randomFrom(code)
    const blocks = await blocksOf(code)
    assert.ok(blocks.length > 0)
    let refused = 0
    for (let round = 0; round < MUTATIONS; round++) {
      const { cid, bytes } = blocks[round % blocks.length] ?? assert.fail()
      const other = mutated(bytes, random)
      const isRefused = await fails(() => decodeValue(code, other))
      if (isRefused) refused += 1
      const isRefusedByWalks = await fails(() => linksOf(cid, other))
      if (code === CODECS['dag-cbor']) assert.equal(isRefusedByWalks, isRefused, Buffer.from(other).toString('hex'))
      if (code === CODECS['dag-pb']) await fails(() => openEntry({ get: async () => other }, cid))
    }
    assert.ok(refused > 0 && refused < MUTATIONS, `${refused} were refused`)
  })
}

test(`${MUTATIONS} mutations of CIDs are read or refused, and what is read is written the same`, () => {
  const random = randomFrom(3)
  const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=-_ \0é🚀'
  const texts = [
    'bafybeihm574cdzknhxkkd5q4cunb67ux3f7ao3qwlq6qmtzumzusrf6cqq',
    'QmTNBGgm1aU1qbNm4RENekeoV6519PVpb1RdfqYnXL1JZN',
    'bafkqaaa',
    'f01551220',
    'k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8',
  ]
  let read = 0
  for (let round = 0; round < MUTATIONS; round++) {
    const letters = [...(texts[round % texts.length] ?? '')]
    for (let count = 1 + random(3); count > 0; count--) {
      letters.splice(random(letters.length + 1), random(2), [...alphabet][random(alphabet.length - 1)] ?? 'x')
    }
    try {
      const { cid } = decodeCid(letters.join(''))
      read += 1
      assert.ok(decodeCid(cid.toString()).cid.equals(cid))
    } catch (error) {
      if (!(error instanceof CidError)) throw error
    }
  }
  assert.ok(read > 0 && read < MUTATIONS, `${read} were read`)
})

test(`${MUTATIONS} mutations of IPNS records are refused, unless nothing that is signed has changed`, async () => {
  const random = randomFrom(4)
  const key = await generateKey('ed25519')
  const name = peerIdBytes(key.publicKey)
  const facts = { value: '/ipfs/bafkqaaa', sequence: 3n, validUntilMs: Date.now() + 3_600_000, ttlMs: 60_000 }
  const records = [true, false].map(v1compat => createRecord(key, { ...facts, v1compat }))
  let refused = 0
  for (let round = 0; round < MUTATIONS; round++) {
    const record = (await records[round % 2]) ?? assert.fail()
    const bytes = mutated(record.bytes, random)
    const isRefused = await fails(async () => {
      const other = parseRecord(bytes)
      await checkRecord(other, name)
      assert.deepEqual([await targetOf(other), sequenceOf(other)], [facts.value, facts.sequence])
    })
    if (isRefused) refused += 1
  }
  assert.ok(refused > MUTATIONS * 0.8, `${refused} were refused`)
})

test('lengths that are only claimed cost nothing', async () => {
  const header = CONTENT.subarray(0, 1 + (CONTENT[0] ?? 0))
  const whole =
    header.length < 128 ? header : CONTENT.subarray(0, 2 + (((CONTENT[1] ?? 0) << 7) | ((CONTENT[0] ?? 0) & 0x7f)))
  const varints = [
    [0xff, 0xff, 0xff, 0x01],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    [0x80, 0x00],
    [0x00],
  ]
  const before = process.memoryUsage().rss
  for (const varint of varints) {
    assert.ok(await fails(() => importCar(Uint8Array.from(varint))), `header ${varint}`)
    assert.ok(await fails(() => importCar(whole, Uint8Array.from(varint))), `section ${varint}`)
  }
  assert.ok(await fails(() => importCar()))
  // Maps, lists, texts and bytes of 2^60.
  for (const first of [0x5b, 0x7b, 0x9b, 0xbb]) {
    const claimed = Uint8Array.from([first, 0x10, 0, 0, 0, 0, 0, 0, 0, 1])
    assert.ok(await fails(() => decodeValue(CODECS['dag-cbor'], claimed)))
  }
  assert.ok(process.memoryUsage().rss - before < 32 * 1024 * 1024)
})

test('a map of dag-cbor with a key twice is refused wherever it is met', async () => {
  const { cid } = (await blocksOf(CODECS['dag-cbor']))[0] ?? assert.fail()
  for (const [bytes, refused] of [
    ['a2616101616102', true],
    ['a3616101616202616103', true],
    ['a26162a16161016161a1616101', false],
    ['a2616101616102ff', true],
    ['a2606100', true],
    ['a26001616101', false],
  ] as const) {
    assert.equal(await fails(() => linksOf(cid, Buffer.from(bytes, 'hex'))), refused, bytes)
    assert.equal(await fails(() => decodeValue(CODECS['dag-cbor'], Buffer.from(bytes, 'hex'))), refused, bytes)
  }
})

test('a block whose bytes are others is refused, and what came before it stays', async () => {
  const flipped = Uint8Array.from(CONTENT)
  flipped[CONTENT.length - 1] = (CONTENT[CONTENT.length - 1] ?? 0) ^ 1
  await assert.rejects(importCar(flipped), { kind: 'data-mismatch', message: /^import failed after block "/ })
})

test('nesting, deep or wide, ends in an answer: in time, and in little memory', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  const deep = 200_000
  const cbor = Buffer.concat([Buffer.alloc(deep, 0x81), Buffer.from([0x80])])
  const json = Buffer.from(`${'['.repeat(deep)}${']'.repeat(deep)}`)
  const wide = Buffer.concat([Buffer.from([0x9a, 0, 0x07, 0xff, 0xff]), Buffer.alloc(0x7ffff, 0x80)])
  for (const [words, input, statuses] of [
    [['dag', 'put', '--input-codec=dag-cbor'], cbor, [1]],
    [['dag', 'put'], json, [1]],
    [['dag', 'put', '--input-codec=dag-cbor'], wide, [0]],
    [['block', 'put', '--cid-codec=dag-cbor'], cbor, [0]],
    [['dag', 'import'], cbor, [1]],
  ] as const) {
    const since = performance.now()
    const result = await place.run(words, { input, measure: true, timeoutMs: 2 * SECONDS_MAX * 1000 })
    const seconds = (performance.now() - since) / 1000
    assert.ok(statuses.includes(result.status as never), `${words.join(' ')}: ${result.status} ${result.stderr}`)
    assert.doesNotMatch(result.stderr, /a bug in tsipfs/)
    assert.ok(seconds < SECONDS_MAX, `${words.join(' ')}: ${seconds} s`)
    assert.ok(result.peakBytes < BYTES_MAX, `${words.join(' ')}: ${result.peakBytes >> 20} MiB`)
  }
  const cid = await place.ok(['block', 'put', '--cid-codec=dag-cbor'], { input: cbor })
  for (const words of [
    ['dag', 'get', cid],
    ['dag', 'stat', cid],
    ['refs', '-r', cid],
    ['pin', 'add', cid],
    ['dag', 'export', cid],
    ['ls', cid],
  ]) {
    const since = performance.now()
    const result = await place.run(words, { measure: true, timeoutMs: 2 * SECONDS_MAX * 1000 })
    assert.doesNotMatch(result.stderr, /a bug in tsipfs|RangeError/, words.join(' '))
    assert.ok((performance.now() - since) / 1000 < SECONDS_MAX)
    assert.ok(result.peakBytes < BYTES_MAX, `${words.join(' ')}: ${result.peakBytes >> 20} MiB`)
  }
})

async function blockOf(code: number, bytes: Uint8Array): Promise<Block> {
  return { cid: CID.createV1(code, await digest(0x12, bytes)), bytes }
}

async function* each(blocks: readonly Block[]): AsyncIterable<Block> {
  yield* blocks
}

async function carOf(root: CID, blocks: readonly Block[]): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(packCar([root], each(blocks), 1024 * 1024)))
}

test('folders without end, a name forty thousand times, tens of thousands of links: in time, and in little memory', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  const within = async (words: readonly string[], status: number, input?: Uint8Array): Promise<string> => {
    const since = performance.now()
    const result = await place.run(words, { measure: true, timeoutMs: 2 * SECONDS_MAX * 1000, ...(input && { input }) })
    assert.equal(result.status, status, `${words.join(' ')}: ${result.stderr}`)
    assert.ok((performance.now() - since) / 1000 < SECONDS_MAX, words.join(' '))
    assert.ok(result.peakBytes < BYTES_MAX, `${words.join(' ')}: ${result.peakBytes >> 20} MiB`)
    return result.stderr
  }
  const leaf = await blockOf(CODECS.raw, Buffer.from('leaf'))
  const folder = (links: readonly { name: string; cid: CID; size: number }[]): Promise<Block> =>
    blockOf(CODECS['dag-pb'], encodeDagPb({ data: encodeUnixfs({ type: 'directory' }), links }))

  const nested = [leaf]
  for (let depth = 0; depth < 20_000; depth++) {
    nested.push(await folder([{ name: 'd', cid: nested.at(-1)?.cid ?? leaf.cid, size: 10 }]))
  }
  const top = nested.at(-1)?.cid ?? assert.fail()
  await within(['dag', 'import'], 0, await carOf(top, nested.toReversed()))
  for (const words of [['refs', '-r'], ['dag', 'stat'], ['du'], ['tree']]) await within([...words, `${top}`], 0)
  assert.match(await within(['get', '-o', 'out', `${top}`], 1), /nested so deep/)
  assert.match(await within(['get', '-a', '-o', 'out.tar', `${top}`], 1), /nested so deep/)

  const same = await folder(Array.from({ length: 40_000 }, () => ({ name: 'same', cid: leaf.cid, size: 4 })))
  await within(['dag', 'import'], 0, await carOf(same.cid, [same, leaf]))
  await within(['files', 'cp', `/ipfs/${same.cid}`, '/same'], 0)
  for (const words of [['ls'], ['ls', '-l'], ['stat']]) await within(['files', ...words, '/same'], 0)
  await within(['files', 'mkdir', '/same/x'], 0)
  await within(['files', 'rm', '/same/same'], 0)
  await within(['refs', `${same.cid}`], 0)

  const leaves: Block[] = []
  for (let nth = 0; nth < 50_000; nth++) leaves.push(await blockOf(CODECS.raw, Buffer.from(String(nth))))
  const links = leaves.map(({ cid }) => Buffer.from([0xd8, 0x2a, 0x58, cid.bytes.length + 1, 0, ...cid.bytes]))
  const node = await blockOf(CODECS['dag-cbor'], Buffer.concat([Buffer.from([0x99, 0xc3, 0x50]), ...links]))
  await within(['dag', 'import'], 0, await carOf(node.cid, [node, ...leaves]))
  for (const words of [['dag', 'get'], ['refs'], ['ls'], ['ls', '--enc=json'], ['dag', 'export']]) {
    await within([...words, `${node.cid}`], 0)
  }
  for (const words of [[], ['--type=indirect'], ['--enc=json']]) await within(['pin', 'ls', ...words], 0)
})

test('a config that could not be read any more is not written', async () => {
  using place = new Place()
  await place.ok(['init', '--profile=test'])
  const config = JSON.parse(await place.ok(['config', 'show']))
  for (const count of [300_000, 1_000_000]) {
    // The shorter one is too long only when it is indented.
    writeFileSync(place.path('more'), JSON.stringify({ ...config, More: Array.from({ length: count }, () => 'a') }))
    const { status, stderr } = await place.run(['config', 'replace', 'more'])
    assert.equal(status, 2, stderr)
    assert.match(stderr, /larger than 2097152 bytes/)
    assert.deepEqual(JSON.parse(await place.ok(['config', 'show'])), config)
  }
})
