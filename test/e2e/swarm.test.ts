/** Daemons that meet: ours, and ours with Kubo. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Daemon, KUBO } from './daemons.ts'
import { ended, seeded } from './program.ts'

const BASE = '/dev/shm'
const TUNNELS = { 'Experimental.Libp2pStreamMounting': true }

/** What a peer is like as "swarm peers --enc=json" has it. */
interface PeerRecord {
  readonly Addr: string
  readonly Peer: string
  readonly Direction: number
  readonly Identify: { readonly AgentVersion: string; readonly Protocols: readonly string[] }
}

async function peersOf(daemon: Daemon): Promise<PeerRecord[]> {
  return JSON.parse(await daemon.ok(['swarm', 'peers', '-v', '--enc=json'])).Peers ?? []
}

function kuboOrSkip(t: TestContext): string | undefined {
  if (KUBO === undefined) t.skip('KUBO_BIN names no Kubo')
  return KUBO
}

test('a daemon that all may reach starts, with what maps ports', async () => {
  const config = { 'Addresses.Swarm': ['/ip4/0.0.0.0/tcp/0'], 'Swarm.DisableNatPortMap': false }
  await using daemon = await Daemon.start({ base: BASE, config })
  assert.equal(await daemon.ok(['id', '-f', '<id>']), daemon.peer)
})

test('daemons connect, know each other, ping and part', async () => {
  // A DHT may look for peers at any time, and connect to one that was parted from.
  const config = { 'Routing.Type': 'none' }
  await using a = await Daemon.start({ base: BASE, config })
  await using b = await Daemon.start({ base: BASE, config: { ...config, 'Version.AgentSuffix': 'suffixed' } })
  const waiting = a.ok(['swarm', 'wait', '--peers=1', '--timeout=20s'])
  assert.equal(await b.ok(['swarm', 'connect', a.address]), `connect ${a.peer} success`)
  // Two addresses of one peer are one peer, as with Kubo.
  assert.equal(await b.ok(['swarm', 'connect', a.address, a.address]), `connect ${a.peer} success`)
  assert.equal(await waiting, '1')
  assert.equal(await b.ok(['swarm', 'peers']), a.address)
  await a.until(['swarm', 'peers', '--identify', '--enc=json'], text => /tsipfs\/[\d.]+\/suffixed/.test(text))
  const [seen] = await peersOf(a)
  assert.equal(seen?.Peer, b.peer)
  assert.equal(seen?.Direction, 1)
  assert.ok(seen?.Identify.Protocols.includes('/ipfs/ping/1.0.0'))
  for (const peer of [a.peer, b.peer]) {
    assert.match(await b.ok(['swarm', 'addrs']), new RegExp(`^${peer} \\(\\d+\\)$`, 'm'))
  }
  assert.match(
    await b.ok(['ping', '-n', '1', a.peer]),
    /^PING \S+\.\nPong received: time=\d+\.\d\d ms\nAverage latency: /,
  )
  assert.equal(JSON.parse(await b.ok(['id', a.peer])).ID, a.peer)
  assert.match(await b.ok(['stats', 'bw']), /^Bandwidth\nTotalIn: [1-9]/)
  const ofPeer = JSON.parse(await b.ok(['stats', 'bw', '--enc=json', '--peer', a.peer]))
  assert.ok(ofPeer.TotalIn > 0 && ofPeer.TotalOut > 0)
  assert.equal(await b.ok(['swarm', 'disconnect', a.address]), `disconnect ${a.peer} success`)
  const again = await b.run(['swarm', 'disconnect', `/p2p/${a.peer}`])
  assert.equal(again.status, 1)
  assert.equal(again.stdout, `disconnect ${a.peer} failure: not connected\n`)
  await a.until(['swarm', 'peers'], text => text === '')
})

test('what cannot be dialled is said, with a status', async () => {
  await using a = await Daemon.start({ base: BASE })
  const nobody = '12D3KooWP6RtsvqU7u5W9MPP6AyWRNi7NQtxd8XvVoAz3wSx4EmL'
  const cases: [string, number, RegExp][] = [
    ['nonsense', 2, /failed to parse multiaddr/],
    ['/ip4/127.0.0.1/tcp/9', 2, /found no ipfs peers/],
    ['/ip4/127.0.0.1/tcp/9/p2p/nonsense', 2, /failed to parse/],
    [`/ip4/127.0.0.1/tcp/9/p2p/${nobody}`, 5, /connection refused/],
    [a.address, 1, /connect \S+ failure: failed to dial: dial to self attempted/],
  ]
  for (const [address, status, pattern] of cases) {
    const result = await a.run(['swarm', 'connect', address])
    assert.equal(result.status, status, `${address}: ${result.stderr}`)
    assert.match(result.stderr, pattern)
  }
  assert.equal((await a.run(['ping', '-n', '1', a.peer])).status, 2)
  const api = ['--api', `/unix${a.place.repo}/api.sock`]
  for (const way of [[], api]) {
    assert.equal((await a.run([...way, 'swarm', 'wait', '--peers=1', '--timeout=200ms'])).status, 4)
  }
  assert.equal((await a.run(['--repo-dir', a.place.path('none'), 'swarm', 'wait'])).status, 12)
})

test('a filter keeps peers out, and is in the config until it is removed', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  const mask = '/ip4/127.0.0.0/ipcidr/8'
  assert.equal(await a.ok(['swarm', 'filters', 'add', mask]), mask)
  assert.equal(await a.ok(['swarm', 'filters']), mask)
  assert.match(await a.ok(['config', 'Swarm.AddrFilters']), /127\.0\.0\.0/)
  assert.notEqual((await a.run(['swarm', 'connect', b.address])).status, 0)
  assert.notEqual((await b.run(['swarm', 'connect', a.address])).status, 0)
  assert.equal(await a.ok(['swarm', 'filters', 'rm', mask]), mask)
  await b.connect(a)
  assert.equal((await a.run(['swarm', 'filters', 'add', 'nonsense'])).status, 2)
})

test('a peer that is kept is connected to again', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({
    base: BASE,
    config: { 'Peering.Peers': [{ ID: a.peer, Addrs: [a.address.replace(/\/p2p\/.*/, '')] }] },
  })
  await a.until(['swarm', 'peers'], text => text.includes(b.peer))
  assert.match(await b.ok(['swarm', 'peering', 'ls']), new RegExp(`^${a.peer}\n\t/ip4/127.0.0.1/tcp/\\d+$`))
  // What is said last counts, as with Kubo: here no address at all.
  await b.ok(['swarm', 'peering', 'add', `/p2p/${a.peer}`])
  assert.equal(await b.ok(['swarm', 'peering', 'ls']), a.peer)
  assert.equal(await b.ok(['swarm', 'peering', 'rm', a.peer]), `remove ${a.peer} success`)
  await a.ok(['swarm', 'disconnect', `/p2p/${b.peer}`])
  assert.equal(await b.ok(['swarm', 'peering', 'add', a.address]), `add ${a.peer} success`)
  await a.until(['swarm', 'peers'], text => text.includes(b.peer))
  await a.ok(['swarm', 'disconnect', `/p2p/${b.peer}`])
  await a.until(['swarm', 'peers'], text => text.includes(b.peer), 40_000)
})

test('a daemon meets its bootstrap peers', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE, config: { Bootstrap: [a.address] } })
  await b.until(['swarm', 'peers'], text => text.includes(a.peer))
})

/** Answers everything with what it was sent, after a greeting of what came in one piece first. */
async function echoServer(): Promise<{ server: Server; port: number }> {
  const server = createServer(socket => socket.pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

/** Sends bytes and returns the first `length` of what comes back. Kubo knows no half-closed tunnels: the end comes last. */
async function exchange(port: number, bytes: Uint8Array, length: number): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  const parts: Buffer[] = []
  let received = 0
  for await (const part of socket) {
    parts.push(part)
    received += part.length
    if (received >= length) break
  }
  return Buffer.concat(parts)
}

/** Sends bytes, ends, and returns all that comes back. */
async function exchangeAndEnd(port: number, bytes: Uint8Array): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  socket.end(bytes)
  const parts: Buffer[] = []
  for await (const part of socket) parts.push(part)
  return Buffer.concat(parts)
}

async function tunnel(server: Daemon, client: Daemon, options: readonly string[] = []): Promise<void> {
  const echo = await echoServer()
  try {
    await client.connect(server)
    await server.ok(['p2p', 'listen', ...options, '/x/echo', `/ip4/127.0.0.1/tcp/${echo.port}`])
    await client.ok(['p2p', 'forward', '/x/echo', '/ip4/127.0.0.1/tcp/0', `/p2p/${server.peer}`])
    const [, port] = /\/tcp\/(\d+) /.exec(await client.ok(['p2p', 'ls'])) ?? []
    const bytes = seeded(8_000_000, 3)
    const greeting = options.includes('-r') ? Buffer.from(`${client.peer}\n`) : Buffer.alloc(0)
    const all = Buffer.concat([greeting, bytes])
    assert.ok((await exchange(Number(port), bytes, all.length)).equals(all))
    if (server.program === client.program) {
      const results = [exchangeAndEnd(Number(port), bytes), exchangeAndEnd(Number(port), new Uint8Array(0))]
      assert.deepEqual(
        (await Promise.all(results)).map(one => one.length),
        [all.length, greeting.length],
      )
    }
    await client.until(['p2p', 'stream', 'ls'], text => text === '')
    assert.equal(await client.ok(['p2p', 'close', '--all']), 'Closed 1 stream(s)')
    assert.equal(await server.ok(['p2p', 'close', '--protocol=/x/echo']), 'Closed 1 stream(s)')
    assert.equal(await client.ok(['p2p', 'ls']), '')
  } finally {
    echo.server.close()
  }
}

test('TCP connections travel through tunnels, both ways and whole', async () => {
  await using a = await Daemon.start({ base: BASE, config: TUNNELS })
  await using b = await Daemon.start({ base: BASE, config: TUNNELS })
  await tunnel(a, b, ['-r'])
  const inFront = a.start(['p2p', 'listen', '-f', '/x/front', '/ip4/127.0.0.1/tcp/9'])
  const over = ended(inFront)
  await a.until(['p2p', 'ls'], text => text.includes('/x/front'))
  inFront.kill('SIGINT')
  await over
  await a.until(['p2p', 'ls'], text => !text.includes('/x/front'))
  assert.equal((await a.run(['p2p', 'listen', '/bad/name', '/ip4/127.0.0.1/tcp/9'])).status, 2)
  assert.equal((await a.run(['p2p', 'close'])).status, 2)
})

test('tunnels reach Kubo, and Kubo reaches ours', async t => {
  const program = kuboOrSkip(t)
  if (program === undefined) return
  await using ours = await Daemon.start({ base: BASE, config: TUNNELS })
  await using kubo = await Daemon.start({ base: BASE, config: TUNNELS, program })
  await tunnel(ours, kubo)
  await tunnel(kubo, ours)
})

for (const [chosen, other] of [
  ['TLS', 'Noise'],
  ['Noise', 'TLS'],
] as const) {
  test(`Kubo and ours meet over ${chosen}, whoever dials, and move a large file both ways`, async t => {
    const program = kuboOrSkip(t)
    if (program === undefined) return
    await using ours = await Daemon.start({ base: BASE, config: { [`Swarm.Transports.Security.${other}`]: false } })
    await using kubo = await Daemon.start({ base: BASE, program })
    for (const [dialler, target] of [
      [ours, kubo],
      [kubo, ours],
    ] as const) {
      await dialler.connect(target)
      for (const [one, another] of [
        [dialler, target],
        [target, dialler],
      ] as const) {
        assert.match(await one.ok(['ping', '-n', '1', another.peer]), /Average latency/)
        assert.equal(JSON.parse(await one.ok(['id', another.peer])).ID, another.peer)
      }
      const bytes = seeded(40_000_000, dialler === ours ? 1 : 2)
      writeFileSync(target.place.path('file'), bytes)
      const cid = await target.ok(['add', '-Q', '--cid-version=1', 'file'])
      const got = await dialler.ok(['dag', 'stat', '--progress=false', cid, '--enc=json'], { timeoutMs: 60_000 })
      assert.ok(JSON.parse(got).TotalSize >= bytes.length)
      await dialler.ok(['swarm', 'disconnect', `/p2p/${target.peer}`])
    }
  })
}

test('a private network is for those who have its key, Kubo too', async t => {
  const key = `/key/swarm/psk/1.0.0/\n/base16/\n${randomBytes(32).toString('hex')}\n`
  const program = KUBO
  if (program === undefined) t.diagnostic('KUBO_BIN names no Kubo: only ours were asked')
  await using a = await Daemon.start({ base: BASE, files: { 'swarm.key': key } })
  await using b = await Daemon.start({ base: BASE, files: { 'swarm.key': key } })
  await using outside = await Daemon.start({ base: BASE })
  await b.connect(a)
  assert.match(await b.ok(['ping', '-n', '1', a.peer]), /Average/)
  assert.notEqual((await outside.run(['swarm', 'connect', '--timeout=3s', a.address])).status, 0)
  assert.notEqual((await a.run(['swarm', 'connect', '--timeout=3s', outside.address])).status, 0)
  if (program === undefined) return
  await using kubo = await Daemon.start({
    base: BASE,
    program,
    files: { 'swarm.key': key },
    config: { 'Routing.Type': 'dht' },
  })
  await kubo.connect(a)
  await b.connect(kubo)
  assert.match(await b.ok(['ping', '-n', '1', kubo.peer]), /Average/)
})
