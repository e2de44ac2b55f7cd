/** With a peer that others have written, on the Go modules of libp2p: every protocol, both ways. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Daemon } from './daemons.ts'
import { buildGoPeer, type Described, GoPeer } from './go-peer.ts'
import { crowdOf, ended, memoryPeak, openFiles, Place, seeded } from './program.ts'

const BASE = '/dev/shm'
const MIB = 1024 * 1024
/** A thousand with TSIPFS_CROWD=1000. */
const CROWD = crowdOf(400)
const ABSENT = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
/** What is added would be provided, which opens connections that were closed. */
const QUIET = { 'Routing.Type': 'none' }
const skip = buildGoPeer() ?? false

/** What became of a stream that was written to. */
interface Sent {
  readonly written: number
  readonly answered: number
  readonly end: string
}

interface File {
  readonly cid: string
  readonly sha256: string
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function addFile(on: Daemon, size: number, seed: number): Promise<File> {
  const bytes = seeded(size, seed)
  writeFileSync(on.place.path('added'), bytes)
  return { cid: await on.ok(['add', '-Q', 'added']), sha256: sha256(bytes) }
}

/** Has a daemon get a file, and returns how long it took. */
async function gets(on: Daemon, { cid, sha256: expected }: File): Promise<number> {
  const begin = performance.now()
  await on.ok(['get', '-o', 'got', cid], { timeoutMs: 120_000 })
  const ms = performance.now() - begin
  assert.equal(sha256(readFileSync(on.place.path('got'))), expected)
  return ms
}

async function goGets(peer: GoPeer, { cid, sha256: expected }: File): Promise<number> {
  const got = await peer.ask<{ sha256: string; ms: number }>('fetch', { cid, timeoutMs: 120_000 })
  assert.equal(got.sha256, expected)
  return got.ms
}

for (const [security, protocol] of [
  ['tls', '/tls/1.0.0'],
  ['noise', '/noise'],
] as const) {
  test(`by ${security}, whoever dials: identify, ping, and files of all sizes`, { skip }, async () => {
    await using daemon = await Daemon.start({ base: BASE, config: QUIET })
    await using peer = await GoPeer.start([`-security=${security}`])
    for (const dialler of ['ours', 'theirs']) {
      if (dialler === 'ours') await daemon.ok(['swarm', 'connect', peer.address])
      else await peer.ask('dial', { addr: daemon.address })
      // Identify goes on after the dial when the other one has dialled.
      const seen = await peer.until<Described>('peer', { peer: daemon.peer }, ({ agent }) => agent !== null)
      assert.equal(seen.security, protocol)
      assert.equal(seen.muxer, '/yamux/1.0.0')
      assert.equal(seen.direction, dialler === 'ours' ? 'Inbound' : 'Outbound')
      assert.match(seen.agent ?? '', /^tsipfs\//)
      for (const spoken of ['/ipfs/bitswap/1.2.0', '/ipfs/ping/1.0.0', '/ipfs/id/push/1.0.0', '/meshsub/1.1.0']) {
        assert.ok(seen.protocols.includes(spoken), `${spoken} in ${seen.protocols}`)
      }
      assert.ok(seen.addrs.includes(daemon.address.replace(/\/p2p\/.*/, '')))
      assert.match(await daemon.ok(['ping', '-n', '2', peer.id]), /Average latency/)
      assert.ok((await peer.ask<number>('ping', { peer: daemon.peer })) >= 0)
      const known = JSON.parse(await daemon.ok(['id', peer.id]))
      assert.equal(known.AgentVersion, 'interop')
      assert.ok(known.Protocols.includes('/ipfs/bitswap/1.2.0'))
      for (const size of [0, 1, 300_000, 3 * MIB]) {
        await gets(daemon, await peer.ask<File>('put', { size, seed: size + (dialler === 'ours' ? 1 : 2) }))
        await goGets(peer, await addFile(daemon, size, size + (dialler === 'ours' ? 3 : 4)))
      }
      await peer.ask('close', { peer: daemon.peer })
      await daemon.until(['swarm', 'peers'], text => text === '')
    }
  })

  test(`by ${security}: 64 MiB both ways`, { skip }, async (t: TestContext) => {
    await using daemon = await Daemon.start({ base: BASE })
    await using peer = await GoPeer.start([`-security=${security}`])
    await daemon.ok(['swarm', 'connect', peer.address])
    const inMs = await gets(daemon, await peer.ask<File>('put', { size: 64 * MIB, seed: 7 }))
    const outMs = await goGets(peer, await addFile(daemon, 64 * MIB, 8))
    t.diagnostic(`64 MiB in: ${Math.round(inMs)} ms, out: ${outMs} ms`)
    const ours = JSON.parse(await daemon.ok(['bitswap', 'ledger', '--enc=json', peer.id]))
    const theirs = await peer.ask<{ Sent: number; Recv: number }>('ledger', { peer: daemon.peer })
    assert.ok(ours.Recv >= 64 * MIB && ours.Sent >= 64 * MIB)
    assert.deepEqual([theirs.Sent, theirs.Recv], [ours.Recv, ours.Sent])
    assert.equal(JSON.parse(await daemon.ok(['bitswap', 'stat', '--enc=json'])).DupBlksReceived, 0)
  })
}

test('256 MiB from the peer to a command alone', { skip }, async (t: TestContext) => {
  await using peer = await GoPeer.start()
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const file = await peer.ask<File>('put', { size: 256 * MIB, seed: 9 })
  const begin = performance.now()
  await place.ok(['get', '-o', 'got', '--peer', peer.address, file.cid], { timeoutMs: 120_000 })
  t.diagnostic(`256 MiB: ${Math.round(performance.now() - begin)} ms`)
  assert.equal(sha256(readFileSync(place.path('got'))), file.sha256)
})

for (const version of ['1.2.0', '1.1.0', '1.0.0']) {
  test(`a peer that speaks Bitswap ${version} only gets and gives files`, { skip }, async () => {
    await using daemon = await Daemon.start({ base: BASE })
    await using peer = await GoPeer.start([`-bitswap=${version}`])
    await daemon.ok(['swarm', 'connect', peer.address])
    await gets(daemon, await peer.ask<File>('put', { size: 2 * MIB, seed: 11 }))
    await goGets(peer, await addFile(daemon, 2 * MIB, 12))
    // The peer waits for what is not there yet, and so does the daemon.
    const late = seeded(5_000, 13)
    const name = await new Place(BASE).ok(['add', '-Q', '--only-hash', '--cid-version=1', '--raw-leaves'], {
      input: late,
    })
    const asked = version === '1.0.0' ? await cidV0(late) : name
    const waiting = peer.ask<string>('fetchBlock', { cid: asked })
    await daemon.until(['bitswap', 'wantlist', '--peer', peer.id], text => text.includes(asked))
    if (version === '1.0.0') await daemon.ok(['add', '-Q', '--raw-leaves=false'], { input: late })
    else await daemon.ok(['block', 'put'], { input: late })
    assert.ok((await waiting).length > 0)
  })
}

async function cidV0(bytes: Uint8Array): Promise<string> {
  using place = new Place(BASE)
  return await place.ok(['add', '-Q', '--only-hash', '--raw-leaves=false'], { input: bytes })
}

test('wants are told, taken back, and answered with HAVE and DONT_HAVE', { skip }, async () => {
  await using daemon = await Daemon.start({ base: BASE })
  await using peer = await GoPeer.start()
  await daemon.ok(['swarm', 'connect', peer.address])
  // What is smaller than the answer is sent in its place.
  const here = await daemon.ok(['block', 'put'], { input: seeded(5_000, 14) })
  const answers = await peer.ask('presences', { peer: daemon.peer, cids: [here, ABSENT] })
  assert.deepEqual(answers, ['have', 'dont-have'])
  const fetching = daemon.start(['block', 'get', ABSENT])
  const over = ended(fetching)
  await peer.until<string[]>('wantlist', { peer: daemon.peer }, list => list.includes(ABSENT))
  fetching.kill('SIGINT')
  await over
  await peer.until<string[]>('wantlist', { peer: daemon.peer }, list => list.length === 0)
  // What comes later goes to whoever still waits.
  const bytes = randomBytes(100_000)
  const name = await daemon.ok(['add', '-Q', '--only-hash', '--cid-version=1'], { input: bytes })
  const waiting = daemon.ok(['cat', name], { timeoutMs: 20_000 })
  await peer.until<string[]>('wantlist', { peer: daemon.peer }, list => list.includes(name))
  assert.equal(await peer.ask('putBlock', { data: bytes.toString('base64') }), name)
  await waiting
  await peer.until<string[]>('wantlist', { peer: daemon.peer }, list => list.length === 0)
})

test('a liar is not believed, and whoever is honest is asked', { skip }, async () => {
  await using daemon = await Daemon.start({ base: BASE })
  await using liar = await GoPeer.start()
  await using friend = await GoPeer.start()
  await daemon.ok(['swarm', 'connect', liar.address])
  const truth = randomBytes(5_000)
  const cid = await daemon.ok(['add', '-Q', '--only-hash', '--cid-version=1'], { input: truth })
  await liar.ask('lie', { cid, data: randomBytes(5_000).toString('base64') })
  const alone = await daemon.run(['block', 'get', '--timeout=1500ms', cid])
  assert.deepEqual([alone.status, alone.stdout], [4, ''])
  await friend.ask('putBlock', { data: truth.toString('base64') })
  await daemon.ok(['swarm', 'connect', friend.address])
  const got = daemon.start(['block', 'get', '--timeout=20s', cid])
  const parts: Buffer[] = []
  got.stdout.on('data', part => parts.push(part))
  assert.equal((await ended(got)).status, 0)
  assert.ok(Buffer.concat(parts).equals(truth))
})

test('garbage on every protocol ends the stream that it came on', { skip }, async () => {
  await using daemon = await Daemon.start({ base: BASE })
  await using peer = await GoPeer.start()
  await peer.ask('dial', { addr: daemon.address })
  const { protocols } = await peer.describe(daemon.peer)
  assert.ok(protocols.length > 8)
  for (const size of [1, 70_000, 5 * MIB]) {
    for (const protocol of protocols) {
      const { end } = await peer.ask<Sent>('garbage', { peer: daemon.peer, protocol, size, timeoutMs: 10_000 })
      assert.match(end, /^closed$|stream reset/, `${size} bytes of ${protocol}`)
    }
  }
  await using other = await GoPeer.start()
  await other.ask('dial', { addr: daemon.address })
  await other.ask('ping', { peer: daemon.peer })
  await goGets(other, await addFile(daemon, MIB, 21))
})

test('a tunnel carries what is sent and ended at once', { skip }, async () => {
  const config = { 'Experimental.Libp2pStreamMounting': true }
  await using daemon = await Daemon.start({ base: BASE, config })
  await using peer = await GoPeer.start()
  await peer.ask('dial', { addr: daemon.address })
  const server = createServer(socket => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    await daemon.ok(['p2p', 'listen', '/x/echo', `/ip4/127.0.0.1/tcp/${port}`])
    for (const size of [0, 1, 100, 1_000_000]) {
      const sent = await peer.ask<Sent>('garbage', { peer: daemon.peer, protocol: '/x/echo', size, timeoutMs: 5_000 })
      assert.deepEqual(sent, { written: size, answered: size, end: 'closed' })
    }
    await daemon.until(['p2p', 'stream', 'ls'], text => text === '')
  } finally {
    server.close()
  }
})

for (const kind of ['gossipsub', 'floodsub']) {
  test(`messages go both ways with a peer of ${kind}: a burst whole and in order`, { skip }, async () => {
    await using daemon = await Daemon.start({ base: BASE })
    await using peer = await GoPeer.start([`-pubsub=${kind}`])
    await daemon.ok(['swarm', 'connect', peer.address])
    const topic = 'news'
    const count = 500
    const subscription = daemon.start(['pubsub', 'sub', `--count=${count}`, '--format=ndjson', topic])
    const over = ended(subscription)
    await peer.ask('subscribe', { topic })
    await peer.until<string[]>('topicPeers', { topic }, list => list.includes(daemon.peer))
    await daemon.until(['pubsub', 'peers', topic], text => text.includes(peer.id))
    // A mesh is there from the first heartbeat on: whoever is in it has been told by then.
    await untilHeard(daemon, peer, topic)
    await peer.ask('publish', { topic, count, size: 1_024 })
    const lines = (await over).stdout.trim().split('\n')
    const numbers = lines.map(line => Buffer.from(JSON.parse(line).data.slice(1), 'base64url').readUInt32BE(0))
    assert.equal(new Set(numbers).size, count)
    const before = peer.heard.length
    await daemon.ok(['pubsub', 'pub', topic, '--lines'], {
      input: Array.from({ length: count }, (_, at) => `${at} ${'x'.repeat(1_000)}`).join('\n'),
    })
    for (let tries = 0; peer.heard.length < before + count && tries < 200; tries++) {
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    const heard = peer.heard.slice(before)
    assert.equal(heard.length, count)
    assert.ok(heard.every(({ from, data }) => from === daemon.peer && data.length > 1_000))
  })
}

/** Says something until it is heard. */
async function untilHeard(daemon: Daemon, peer: GoPeer, topic: string): Promise<void> {
  for (let tries = 0; peer.heard.length === 0 && tries < 100; tries++) {
    await daemon.ok(['pubsub', 'pub', topic], { input: 'are you there?' })
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  assert.equal(peer.heard[0]?.data.toString(), 'are you there?')
}

test('providers, peers and names are found in the DHT, whoever has put them there', { skip }, async () => {
  await using daemon = await Daemon.start({ base: BASE })
  await using peer = await GoPeer.start()
  await using third = await GoPeer.start()
  await daemon.ok(['swarm', 'connect', peer.address])
  await third.ask('dial', { addr: peer.address })
  const theirs = await peer.ask<string>('putBlock', { data: randomBytes(64).toString('base64') })
  await peer.until('peer', { peer: daemon.peer }, ({ protocols }: { protocols: string[] }) =>
    protocols.includes('/ipfs/lan/kad/1.0.0'),
  )
  // Go's node takes a peer into its table a moment later, once it has answered there too.
  await peer.until('provide', { cid: theirs }, () => true)
  await daemon.until(['routing', 'findprovs', theirs], text => text.includes(peer.id))
  const ours = await daemon.ok(['add', '-Q'], { input: 'of the daemon\n' })
  await third.until<{ id: string }[]>('findProviders', { cid: ours }, list => list.some(({ id }) => id === daemon.peer))
  assert.ok(
    (await third.ask<string[]>('findPeer', { peer: daemon.peer })).some(text => daemon.address.startsWith(text)),
  )
  assert.ok((await daemon.ok(['routing', 'findpeer', third.id])).includes(third.address.replace(/\/p2p\/.*/, '')))

  const value = `/ipfs/${ours}`
  const name = await daemon.ok(['name', 'publish', '--resolve=false', '-Q', value])
  assert.deepEqual(await third.ask('getName', { value: name }), { value, sequence: 0 })
  const other = await third.ask<string>('putName', { value, count: 7 })
  assert.equal(await daemon.ok(['name', 'resolve', other]), value)
  await third.ask('putName', { value: `/ipfs/${theirs}`, count: 8 })
  assert.equal(await daemon.ok(['name', 'resolve', '--nocache', other]), `/ipfs/${theirs}`)
})

test('a private network is for those who have its key', { skip }, async () => {
  const key = `/key/swarm/psk/1.0.0/\n/base16/\n${randomBytes(32).toString('hex')}\n`
  await using daemon = await Daemon.start({ base: BASE, files: { 'swarm.key': key }, config: QUIET })
  const file = daemon.place.path('repo', 'swarm.key')
  await using inside = await GoPeer.start(['-swarm-key', file])
  await using outside = await GoPeer.start()
  await daemon.ok(['swarm', 'connect', inside.address])
  await gets(daemon, await inside.ask<File>('put', { size: 5 * MIB, seed: 31 }))
  await goGets(inside, await addFile(daemon, 5 * MIB, 32))
  await inside.ask('close', { peer: daemon.peer })
  await daemon.until(['swarm', 'peers'], text => text === '')
  await inside.ask('dial', { addr: daemon.address })
  await gets(daemon, await inside.ask<File>('put', { size: MIB, seed: 33 }))
  await assert.rejects(outside.ask('dial', { addr: daemon.address, timeoutMs: 3_000 }))
  assert.notEqual((await daemon.run(['swarm', 'connect', '--timeout=3s', outside.address])).status, 0)
})

test('WebSockets, whoever listens', { skip }, async () => {
  const listening = ['/ip4/127.0.0.1/tcp/0/ws']
  await using daemon = await Daemon.start({ base: BASE, config: { ...QUIET, 'Addresses.Swarm': listening } })
  await using peer = await GoPeer.start(['-listen=/ip4/127.0.0.1/tcp/0/ws'])
  const [address] = (await daemon.ok(['swarm', 'addrs', 'listen'])).split('\n')
  assert.match(address ?? '', /\/ws$/)
  for (const dialler of ['ours', 'theirs']) {
    if (dialler === 'ours') await daemon.ok(['swarm', 'connect', peer.address])
    else await peer.ask('dial', { addr: `${address}/p2p/${daemon.peer}` })
    assert.match(await daemon.ok(['swarm', 'peers']), dialler === 'ours' ? /\/ws\/p2p\// : /\/ip4\//)
    await gets(daemon, await peer.ask<File>('put', { size: 8 * MIB, seed: dialler === 'ours' ? 41 : 42 }))
    await goGets(peer, await addFile(daemon, 8 * MIB, dialler === 'ours' ? 43 : 44))
    await peer.ask('close', { peer: daemon.peer })
    await daemon.until(['swarm', 'peers'], text => text === '')
  }
  const begin = performance.now()
  await daemon.kill('SIGTERM')
  assert.ok(performance.now() - begin < 3_000, 'it ends at once')
})

test('of too many connections the old ones of no value are closed, not those that are kept or young', {
  skip,
}, async () => {
  await using friend = await GoPeer.start()
  const [host, id] = friend.address.split('/p2p/')
  const config = {
    ...QUIET,
    'Swarm.ConnMgr': { HighWater: 20, LowWater: 10, GracePeriod: '2s', SilencePeriod: '1s' },
    'Peering.Peers': [{ ID: id, Addrs: [host] }],
  }
  await using daemon = await Daemon.start({ base: BASE, config })
  await daemon.until(['swarm', 'peers'], text => text.includes(friend.id))
  await using peer = await GoPeer.start()
  // The young ones are spared: for a while there are as many as have come.
  assert.ok((await peer.ask<number>('crowd', { addr: daemon.address, count: 60 })) > 20)
  const left = await peer.until<number>('crowdLeft', {}, count => count <= 20)
  assert.ok(left >= 9, `${left} are left`)
  assert.ok((await daemon.ok(['swarm', 'peers'])).includes(friend.id))
})

test('hundreds of peers are there at once, one more is served, and nothing is left of them', {
  skip,
}, async (t: TestContext) => {
  const config = { ...QUIET, 'Swarm.ConnMgr': { Type: 'none' } }
  await using daemon = await Daemon.start({ base: BASE, config })
  const peer = await GoPeer.start()
  const before = memoryPeak(daemon.pid)
  const files = openFiles(daemon.pid)
  try {
    const begin = performance.now()
    const count = await peer.ask<number>('crowd', { addr: daemon.address, count: CROWD, timeoutMs: 120_000 })
    const ms = Math.round(performance.now() - begin)
    assert.equal(count, CROWD)
    assert.equal((await daemon.ok(['swarm', 'peers'])).split('\n').length, CROWD)
    assert.equal(JSON.parse(await daemon.ok(['id'])).ID, daemon.peer)
    const grown = Math.round((memoryPeak(daemon.pid) - before) / MIB)
    t.diagnostic(`${count} came in within ${ms} ms, and cost ${grown} MiB`)
    await using friend = await GoPeer.start()
    await friend.ask('dial', { addr: daemon.address })
    await goGets(friend, await addFile(daemon, MIB, 51))
    assert.equal(await peer.ask<number>('crowdLeft'), CROWD)
    assert.ok(grown < 100 + CROWD / 4, `${CROWD} peers cost ${grown} MiB`)
  } finally {
    await peer[Symbol.asyncDispose]()
  }
  await daemon.until(['swarm', 'peers'], text => text === '')
  assert.ok(openFiles(daemon.pid) <= files + 8, `${files} files before, ${openFiles(daemon.pid)} after`)
})
