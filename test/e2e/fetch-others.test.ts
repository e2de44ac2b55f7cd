/** Fetching large files by TLS and by Noise, from and to Kubo, and from gateways. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { Daemon, KUBO } from './daemons.ts'
import { Place, seeded } from './program.ts'

const BASE = '/dev/shm'
const MIB = 1024 * 1024
const KUBO_SKIP = KUBO === undefined ? 'KUBO_BIN names no Kubo' : false

async function addFile(on: Daemon, size: number, seed: number): Promise<{ cid: string; bytes: Buffer }> {
  const bytes = Buffer.from(seeded(size, seed))
  writeFileSync(on.place.path('added'), bytes)
  return { cid: await on.ok(['add', '-Q', 'added']), bytes }
}

async function getsFile(
  on: Daemon | Place,
  { cid, bytes }: { readonly cid: string; readonly bytes: Buffer },
  ...options: string[]
): Promise<void> {
  const place = on instanceof Place ? on : on.place
  await on.ok(['get', '-o', 'got', ...options, cid])
  assert.ok(readFileSync(place.path('got')).equals(bytes), `${cid} came as it was`)
}

for (const [name, config] of [
  ['TLS', { 'Swarm.Transports.Security.Noise': false }],
  ['Noise', { 'Swarm.Transports.Security.TLS': false }],
] as const) {
  test(`64 MiB by ${name}, from a daemon to another and back, and to a command alone`, async () => {
    await using a = await Daemon.start({ base: BASE, config })
    await using b = await Daemon.start({ base: BASE, config })
    await b.connect(a)
    await getsFile(b, await addFile(a, 64 * MIB, 1))
    await getsFile(a, await addFile(b, 16 * MIB, 2))
    using place = new Place(BASE)
    await place.ok(['init', '--profile=test'])
    await getsFile(place, await addFile(a, 16 * MIB, 3), '--peer', a.address)
  })
}

for (const [name, config] of [
  ['TLS', { 'Swarm.Transports.Security.Noise': false }],
  ['Noise', { 'Swarm.Transports.Security.TLS': false }],
] as const) {
  test(`from and to Kubo by ${name}: small files and 64 MiB`, { skip: KUBO_SKIP }, async () => {
    await using kubo = await Daemon.start({ base: BASE, program: KUBO ?? '', config })
    await using own = await Daemon.start({ base: BASE })
    // Each dials once: in the second round Kubo is the one that was dialled.
    await (name === 'TLS' ? kubo.connect(own) : own.connect(kubo))
    for (const size of [0, 11, 300_000]) {
      await getsFile(own, await addFile(kubo, size, size + 1))
      await getsFile(kubo, await addFile(own, size, size + 2))
    }
    await getsFile(own, await addFile(kubo, 64 * MIB, 5))
    await getsFile(kubo, await addFile(own, 64 * MIB, 6))
    const stat = JSON.parse(await own.ok(['bitswap', 'stat', '--enc=json']))
    assert.deepEqual(stat.Peers, [kubo.peer])
    assert.equal(stat.DupBlksReceived, 0)
  })
}

test('a command alone fetches from Kubo', { skip: KUBO_SKIP }, async () => {
  await using kubo = await Daemon.start({ base: BASE, program: KUBO ?? '' })
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  await getsFile(place, await addFile(kubo, 3 * MIB, 7), '--peer', kubo.address)
})

test('a gateway alone is enough, by an option, the config or a variable; the network is not even started', async () => {
  await using a = await Daemon.start({ base: BASE })
  const file = await addFile(a, 2 * MIB, 8)
  const api = readFileSync(a.place.path('repo', 'gateway'), 'utf8')
  const url = api.startsWith('http') ? api : api.replace(/^\/ip4\/([\d.]+)\/tcp\/(\d+).*$/, 'http://$1:$2')
  for (const way of ['option', 'config', 'variable']) {
    using place = new Place(BASE)
    await place.ok(['init', '--profile=test'])
    if (way === 'config') await place.ok(['config', '--json', 'HTTPRetrieval.Gateways', JSON.stringify([url])])
    const env: Record<string, string> =
      way === 'variable' ? { TSIPFS_HTTPRETRIEVAL__GATEWAYS: JSON.stringify([url]) } : {}
    const options = way === 'option' ? ['--gateway', url] : []
    await place.ok(['get', '-o', 'got', ...options, file.cid], { env })
    assert.ok(readFileSync(place.path('got')).equals(file.bytes), way)
    await getsFile(place, file, '--offline')
  }
  assert.match(await a.ok(['bitswap', 'stat']), /blocks sent: 0\n/)
})

test('a file comes from a gateway with one request, block by block where it gives no CARs', async () => {
  await using a = await Daemon.start({ base: BASE })
  const file = await addFile(a, 16 * MIB, 11)
  const target = readFileSync(a.place.path('repo', 'gateway'), 'utf8')
  for (const givesCars of [true, false]) {
    const asked: string[] = []
    const server = createServer(async (request, response) => {
      const url = request.url ?? ''
      asked.push(url)
      if (!givesCars && url.includes('format=car')) {
        response.writeHead(406).end()
        return
      }
      const answer = await fetch(`${target}${url}`)
      response.writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? '' })
      Readable.fromWeb(answer.body as never).pipe(response)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    using place = new Place(BASE)
    try {
      await place.ok(['init', '--profile=test'])
      const { port } = server.address() as AddressInfo
      await getsFile(place, file, '--gateway', `http://127.0.0.1:${port}`)
      assert.equal(asked.length, givesCars ? 1 : 66, asked.slice(0, 5).join(' '))
    } finally {
      server.closeAllConnections()
      server.close()
    }
  }
})

test('a gateway and a peer at once: who has it gives it; and a daemon asks the gateway of a command', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  const url = readFileSync(a.place.path('repo', 'gateway'), 'utf8')
  const file = await addFile(a, MIB, 9)
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  // The peer does not have it.
  await getsFile(place, file, '--gateway', url, '--peer', b.address)
  await getsFile(b, file, '--gateway', url)
  // The gateway does not answer.
  const other = await addFile(b, MIB, 10)
  await getsFile(place, other, '--gateway', 'http://127.0.0.1:1', '--peer', b.address)
})

test('a gateway that cannot be reached, or has it not, is named in the failure', async () => {
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const nowhere = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
  const dead = await place.run(['cat', '--gateway', 'http://127.0.0.1:1', nowhere])
  assert.equal(dead.status, 5, dead.stderr)
  assert.match(dead.stderr, /was not found: http:\/\/127\.0\.0\.1:1: (connection refused|bad port)/)
  const malformed = await place.run(['cat', '--gateway', 'not a url', nowhere])
  assert.equal(malformed.status, 2)
  await using a = await Daemon.start({ base: BASE })
  const url = readFileSync(a.place.path('repo', 'gateway'), 'utf8')
  const absent = await place.run(['cat', '--gateway', url, '--lookup-timeout=2s', nowhere], { timeoutMs: 40_000 })
  assert.equal(absent.status, 4, absent.stderr)
})
