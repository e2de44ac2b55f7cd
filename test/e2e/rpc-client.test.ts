/** The RPC as a client that exists drives it: kubo-rpc-client, from npm. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { create, globSource, type ImportCandidate, type KuboRPCClient } from 'kubo-rpc-client'
import { CID } from 'multiformats/cid'
import { Daemon } from './daemons.ts'
import { seeded } from './program.ts'

const HELLO = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'

let daemon: Daemon
let ipfs: KuboRPCClient

before(async () => {
  daemon = await Daemon.start({ base: '/dev/shm' })
  ipfs = create({ url: multiaddr(readFileSync(join(daemon.place.repo, 'api'), 'utf8')).toString() })
})

after(async () => {
  await daemon[Symbol.asyncDispose]()
})

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(source))
}

async function* iterate<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function cids(source: AsyncIterable<{ readonly cid: CID }>): Promise<string[]> {
  return (await Array.fromAsync(source)).map(({ cid }) => cid.toString()).sort()
}

test('add, cat, get, ls, refs', async () => {
  const progress: number[] = []
  const hello = await ipfs.add('hello\n', { progress: bytes => progress.push(bytes) })
  assert.deepEqual([hello.cid.toString(), hello.path, hello.size], [HELLO, HELLO, 14])
  assert.deepEqual(progress, [6])
  assert.equal((await bytesOf(ipfs.cat(hello.cid))).toString(), 'hello\n')
  assert.equal((await bytesOf(ipfs.cat(hello.cid, { offset: 1, length: 3 }))).toString(), 'ell')

  const big = seeded(600_000, 3)
  const folder = await Array.fromAsync(
    ipfs.addAll(
      iterate<ImportCandidate>([
        { path: 'dir/a.txt', content: 'a', mode: 0o640, mtime: { secs: 1_700_000_000n, nsecs: 5 } },
        { path: 'dir/sub/ž 🚀.bin', content: big },
        { path: 'dir/empty' },
      ]),
      { cidVersion: 1, pin: false },
    ),
  )
  const root = folder.at(-1)
  assert.deepEqual(
    folder.map(({ path }) => path),
    ['dir/a.txt', 'dir/sub/ž 🚀.bin', 'dir/empty', 'dir/sub', 'dir'].sort(
      (x, y) => names(folder, x) - names(folder, y),
    ),
  )
  assert.ok(root !== undefined && root.path === 'dir')
  const listed = await Array.fromAsync(ipfs.ls(root.cid))
  assert.deepEqual(
    listed.map(({ name, type, size }) => [name, type, size]),
    [
      ['a.txt', 'file', 1],
      ['empty', 'dir', 0],
      ['sub', 'dir', 0],
    ],
  )
  assert.ok((await bytesOf(ipfs.cat(`/ipfs/${root.cid}/sub/ž 🚀.bin`))).equals(Buffer.from(big)))
  assert.ok((await bytesOf(ipfs.get(root.cid))).length > big.length)
  assert.equal((await Array.fromAsync(ipfs.refs(root.cid, { recursive: true }))).length, 7)
  assert.ok((await Array.fromAsync(ipfs.refs.local())).length > 7)
  const globbed = await Array.fromAsync(ipfs.addAll(globSource(import.meta.dirname, 'rpc-*.ts'), { onlyHash: true }))
  assert.ok(globbed.some(({ path }) => path === 'rpc-client.test.ts'))
  await assert.rejects(bytesOf(ipfs.cat(root.cid)), /this dag node is a directory/)
})

/** Where a path stands in what came: files may come in any order, but each before its folder. */
function names(items: readonly { readonly path: string }[], path: string): number {
  return items.findIndex(item => item.path === path)
}

test('block and dag', async () => {
  const cid = await ipfs.block.put(Buffer.from('a block'), { format: 'raw', mhtype: 'sha2-512' })
  assert.equal(cid.multihash.code, 0x13)
  assert.equal(Buffer.from(await ipfs.block.get(cid)).toString(), 'a block')
  assert.deepEqual(await ipfs.block.stat(cid), { cid, size: 7 })
  const node = { name: 'node', link: CID.parse(HELLO), bytes: Uint8Array.of(1, 2, 3), list: [1, null, true] }
  const put = await ipfs.dag.put(node, { storeCodec: 'dag-cbor', pin: true })
  assert.deepEqual((await ipfs.dag.get(put)).value, node)
  assert.deepEqual((await ipfs.dag.get(put, { path: 'list/0' })).value, 1)
  assert.equal((await ipfs.dag.resolve(put, { path: 'link' })).cid.toString(), HELLO)
  const car = await bytesOf(ipfs.dag.export(put))
  const imported = await Array.fromAsync(
    ipfs.dag.import([
      (async function* () {
        yield new Uint8Array(car)
      })(),
    ]),
  )
  assert.deepEqual(
    imported.map(({ root }) => [root.cid.toString(), root.pinErrorMsg]),
    [[put.toString(), '']],
  )
  await ipfs.pin.rm(put)
  assert.deepEqual(
    (await Array.fromAsync(ipfs.block.rm([cid, put]))).map(({ error }) => error),
    [undefined, undefined],
  )
})

test('pins', async () => {
  const { cid } = await ipfs.add('to be pinned', { pin: false })
  await assert.rejects(Array.fromAsync(ipfs.pin.ls({ paths: cid })), /is not pinned$/)
  assert.equal((await ipfs.pin.add(cid, { name: 'a name' })).toString(), cid.toString())
  assert.ok((await cids(ipfs.pin.ls({ type: 'recursive' }))).includes(cid.toString()))
  const [pin] = await Array.fromAsync(ipfs.pin.ls({ paths: cid, name: 'a name', details: true } as never))
  assert.equal(pin?.type, 'recursive')
  assert.equal((await ipfs.pin.rm(cid)).toString(), cid.toString())
  const many = await Array.fromAsync(ipfs.pin.addAll([{ cid, recursive: false }]))
  assert.deepEqual(many.map(String), [cid.toString()])
  assert.ok((await cids(ipfs.pin.ls({ type: 'direct' }))).includes(cid.toString()))
  await Array.fromAsync(ipfs.pin.rmAll([{ cid, recursive: false }]))
})

test('files', async () => {
  await ipfs.files.mkdir('/a/b', { parents: true })
  await ipfs.files.write('/a/b/file', Buffer.from('written'), { create: true })
  await ipfs.files.write('/a/b/file', Buffer.from('W'), { offset: 0 })
  await ipfs.files.write('/a/long', [seeded(300_000, 1), seeded(300_000, 2)], { create: true, parents: true })
  assert.equal((await bytesOf(ipfs.files.read('/a/b/file'))).toString(), 'Written')
  await ipfs.files.cp('/a/b/file', '/a/copy')
  await ipfs.files.mv('/a/copy', '/a/moved')
  const listed = await Array.fromAsync(ipfs.files.ls('/a'))
  assert.deepEqual(
    listed.map(({ name, type, size }) => [name, type, size]),
    [
      ['b', 'directory', 0],
      ['long', 'file', 600_000],
      ['moved', 'file', 7],
    ],
  )
  const stat = await ipfs.files.stat('/a/moved')
  assert.deepEqual([stat.type, stat.size], ['file', 7])
  assert.equal((await ipfs.files.flush('/a')).toString(), (await ipfs.files.stat('/a')).cid.toString())
  await ipfs.files.rm('/a', { recursive: true })
  await assert.rejects(ipfs.files.stat('/a'), /file does not exist/)
})

test('keys and the config', async () => {
  const key = await ipfs.key.gen('client', { type: 'ed25519' })
  assert.equal(key.name, 'client')
  assert.deepEqual((await ipfs.key.list()).map(({ name }) => name).sort(), ['client', 'self'])
  const renamed = await ipfs.key.rename('client', 'other')
  assert.deepEqual([renamed.was, renamed.now, renamed.overwrite], ['client', 'other', false])
  assert.equal((await ipfs.key.rm('other')).name, 'other')
  await ipfs.config.set('API.HTTPHeaders', { 'X-Test': ['a', 'b'] })
  assert.deepEqual(await ipfs.config.get('API.HTTPHeaders'), { 'X-Test': ['a', 'b'] })
  const all = await ipfs.config.getAll()
  assert.ok('Addresses' in all)
  await ipfs.config.replace(all)
  const { updated } = await ipfs.config.profiles.apply('lowpower', { dryRun: true })
  assert.ok('Swarm' in updated)
})

test('who it is, and how much it holds', async () => {
  const id = await ipfs.id()
  assert.equal(id.id.toString(), daemon.peer)
  assert.match(id.agentVersion, /^tsipfs\//)
  assert.ok(id.addresses.length > 0 && id.protocols.length > 5)
  const { version } = await ipfs.version()
  assert.match(version, /^\d+\.\d+\.\d+/)
  const stat = await ipfs.repo.stat()
  assert.ok(stat.numObjects > 0n && stat.repoSize > 0n && stat.storageMax > 0n)
  assert.ok(Number(await ipfs.repo.version()) > 0)
  const collected = await Array.fromAsync(ipfs.repo.gc())
  assert.ok(collected.every(({ err }) => err === undefined || err === null))
  assert.ok(await ipfs.isOnline())
})

test('the network', async () => {
  await using other = await Daemon.start({ base: '/dev/shm' })
  await ipfs.swarm.connect(multiaddr(other.address))
  assert.deepEqual(
    (await ipfs.swarm.peers()).map(({ peer }) => peer.toString()),
    [other.peer],
  )
  assert.ok((await ipfs.swarm.addrs()).some(({ id }) => id.toString() === other.peer))
  assert.ok((await ipfs.swarm.localAddrs()).length > 0)
  const pings = await Array.fromAsync(ipfs.ping(other.peer as never, { count: 2 }))
  assert.ok(pings.filter(({ success, text }) => success && text === '').length === 2, JSON.stringify(pings))
  const [bandwidth] = await Array.fromAsync(ipfs.stats.bw())
  assert.ok(bandwidth !== undefined && bandwidth.totalIn >= 0n)
  const bitswap = await ipfs.stats.bitswap()
  assert.ok(bitswap.peers.length >= 0 && bitswap.blocksSent >= 0n)
  await ipfs.swarm.disconnect(multiaddr(other.address))
  assert.deepEqual(await ipfs.swarm.peers(), [])
})

test('pubsub', async () => {
  const got = Promise.withResolvers<{ data: Uint8Array; topic: string }>()
  const topic = 'client/ž'
  await ipfs.pubsub.subscribe(topic, message => got.resolve(message))
  assert.deepEqual(await ipfs.pubsub.ls(), [topic])
  assert.deepEqual(await ipfs.pubsub.peers(topic), [])
  const data = seeded(3_000, 1)
  await ipfs.pubsub.publish(topic, data)
  const message = await got.promise
  assert.deepEqual([message.topic, Buffer.from(message.data).equals(Buffer.from(data))], [topic, true])
  await ipfs.pubsub.unsubscribe(topic)
  await daemon.until(['pubsub', 'ls'], text => text === '')
})

test('failures and time limits are told in words that clients look for', async () => {
  const missing = CID.parse('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e')
  await assert.rejects(
    ipfs.block.get(missing, { timeout: 300 }),
    /context deadline exceeded|request timed out|timed out/i,
  )
  await assert.rejects(
    ipfs.block.get(missing, { offline: true } as never),
    /block was not found locally|not found in the repo/,
  )
  await assert.rejects(ipfs.dag.get(CID.parse(HELLO), { path: 'nothing' }), /no link named|no such link/)
  const stop = new AbortController()
  const waiting = ipfs.block.get(missing, { signal: stop.signal })
  stop.abort()
  await assert.rejects(waiting, /abort/i)
})
