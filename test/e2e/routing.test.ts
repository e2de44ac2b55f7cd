/** Routing between daemons on loopback, with HTTP routers, and with Kubo. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { formatName, parseName } from '../../src/node/ipns/name.ts'
import { Daemon, KUBO } from './daemons.ts'
import { ended, Place } from './program.ts'

const BASE = '/dev/shm'
const NODES = 10
const WITHOUT_KUBO = KUBO === undefined && 'KUBO_BIN is not set'

const nodes: Daemon[] = []

function node(at: number): Daemon {
  const found = nodes[at]
  assert.ok(found)
  return found
}

/** Ten nodes in a ring: each knows two others, and learns of the rest through the DHT. */
before(async () => {
  for (let at = 0; at < NODES; at += 2) {
    nodes.push(...(await Promise.all([Daemon.start({ base: BASE }), Daemon.start({ base: BASE })])))
  }
  for (let at = 0; at < NODES; at += 1) await node(at).connect(node((at + 1) % NODES))
})

after(async () => {
  for (const each of nodes) await each[Symbol.asyncDispose]()
})

test('what is added in one of ten nodes is found by the others, and fetched by one without a daemon', async () => {
  const cid = await node(0).ok(['add', '-Q'], { input: 'found by all\n' })
  await node(5).until(['routing', 'findprovs', cid], text => text.includes(node(0).peer))
  await node(7).until(['routing', 'findprovs', '-n', '1', cid], text => text === `${node(0).peer}\n`)
  const verbose = await node(3).ok(['routing', 'findprovs', '-v', cid])
  assert.match(verbose, new RegExp(`provider: ${node(0).peer}\n\t/ip4/127.0.0.1/tcp/`))
  const events = (await node(3).ok(['routing', 'findprovs', '--enc=json', cid]))
    .split('\n')
    .map(line => JSON.parse(line))
  const provider = events.find(event => event.Type === 4)
  assert.equal(provider.Responses[0].ID, node(0).peer)
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const found = await place.ok(['--peer', node(6).address, 'routing', 'findprovs', cid])
  assert.equal(found, node(0).peer)
})

test('the gateway answers what its routing is asked over HTTP', async () => {
  const gateway = readFileSync(join(node(0).place.repo, 'gateway'), 'utf8')
  const cid = await node(0).ok(['add', '-Q'], { input: 'asked of the gateway\n' })
  const own = await fetch(`${gateway}/routing/v1/providers/${cid}?filter-addrs=tcp`)
  assert.match(own.headers.get('cache-control') ?? '', /^public, max-age=300, stale-while-revalidate=172800/)
  const [first] = JSON.parse(await own.text()).Providers
  assert.deepEqual([first.ID, first.Schema], [node(0).peer, 'peer'])
  assert.ok(`${first.Addrs[0]}/p2p/${first.ID}` === node(0).address)
  const lines = { Accept: 'application/x-ndjson' }
  const found = await fetch(`${gateway}/routing/v1/peers/${node(6).peer}`, { headers: lines })
  assert.equal(JSON.parse((await found.text()).trim()).ID, node(6).peer)
  const none = await fetch(`${gateway}/routing/v1/providers/${cid}?filter-addrs=!tcp`)
  assert.deepEqual([none.status, await none.json()], [200, { Providers: [] }])
  const name = await node(0).ok(['name', 'publish', '-Q', '--resolve=false', cid])
  const record = await fetch(`${gateway}/routing/v1/ipns/${name}`)
  assert.equal(record.headers.get('content-type'), 'application/vnd.ipfs.ipns-record')
  assert.ok(Buffer.from(await record.arrayBuffer()).includes(cid))
  const status = async (path: string, method = 'GET') =>
    (await fetch(`${gateway}/routing/v1/${path}`, { method })).status
  assert.equal(await status('providers/nonsense'), 400)
  assert.equal(await status('nothing/x'), 404)
  assert.equal(await status(`providers/${cid}`, 'POST'), 405)
})

test('peers are found by their ids', async () => {
  const addresses = await node(1).ok(['routing', 'findpeer', node(6).peer])
  assert.ok(`${addresses}/p2p/${node(6).peer}`.includes(node(6).address), addresses)
  const closest = await node(2).ok(['dht', 'query', node(8).peer])
  assert.ok(closest.split('\n').length >= 5, closest)
  assert.equal(closest.split('\n')[0], node(8).peer)
  const self = await node(1).run(['routing', 'findpeer', node(1).peer])
  assert.equal(self.status, 1)
  const unknown = await node(1).run(['routing', 'findpeer', '12D3KooWGC6TvWhfajpX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5U'])
  assert.deepEqual([unknown.status, unknown.stdout], [3, ''])
})

test('a daemon provides what was queued before it began, and again after its interval, across a restart', async () => {
  const config = { 'Provide.DHT.Interval': '1s', 'Provide.Enabled': true }
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  for (const [key, value] of Object.entries(config)) await place.ok(['config', '--json', key, JSON.stringify(value)])
  const cid = await place.ok(['add', '-Q'], { input: 'added before the daemon began\n' })
  const peer = await place.ok(['id', '-f', '<id>'])
  for (const round of [1, 2]) {
    const child = place.start(['daemon'])
    const over = ended(child, { timeoutMs: 60_000 })
    await place.ok(['daemon', 'wait'])
    await place.ok(['swarm', 'connect', node(round).address])
    await node(round + 5).until(['routing', 'findprovs', cid], text => text.includes(peer))
    const deadline = Date.now() + 20_000
    for (;;) {
      const { Sweep } = JSON.parse(await place.ok(['provide', 'stat', '--enc=json']))
      // What was queued has left the queue, and all has been provided again.
      if (Sweep.queues.pending_key_provides === 0 && Sweep.operations.past.avg_keys_per_reprovide > 0) {
        // All in one region: the network is small, and each of its peers keeps each record.
        assert.ok(Sweep.operations.past.regions_reprovided_last_cycle >= 1)
        assert.ok(Sweep.network.peers >= 1 && Sweep.network.reachable <= Sweep.network.peers)
        break
      }
      assert.ok(Date.now() < deadline, JSON.stringify(Sweep))
    }
    child.kill('SIGTERM')
    assert.equal((await over).status, 0)
  }
})

test('a peer that is long in saying what it speaks is told of providers as soon as it has', async () => {
  await using one = await Daemon.start({ base: BASE, config: { 'Provide.Enabled': true } })
  await using slow = await Daemon.start({ base: BASE })
  const cid = await one.ok(['add', '-Q'], { input: 'for a peer that was busy\n' })
  await one.connect(slow)
  process.kill(slow.pid, 'SIGSTOP')
  try {
    // By then it waits for eight seconds before the next attempt.
    await one.until(['provide', 'stat', '--enc=json'], text => JSON.parse(text).Sweep.operations.past.keys_failed >= 4)
  } finally {
    process.kill(slow.pid, 'SIGCONT')
  }
  await slow.until(['routing', 'findprovs', '-n', '1', cid], text => text === `${one.peer}\n`, 6_000)
})

test('provide once queues blocks, and says what cannot be', async () => {
  const cid = await node(4).ok(['block', 'put'], { input: 'once\n' })
  assert.equal(await node(4).ok(['provide', 'once', cid, cid]), 'queued 1 CID(s) for immediate provide')
  await node(9).until(['routing', 'findprovs', cid], text => text.includes(node(4).peer))
  assert.equal(await node(4).ok(['routing', 'provide', cid]), '')
  const missing = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'
  const { status, stderr } = await node(4).run(['provide', 'once', missing])
  assert.equal(status, 3)
  assert.match(stderr, /not found locally, cannot provide/)
  assert.match(await node(4).ok(['provide', 'stat', '--queues']), /^Provide queue: {3}\d+ CIDs/)
  assert.match(await node(4).ok(['provide', 'clear']), /^removed \d+ items from provide queue$/)
  assert.match(await node(4).ok(['stats', 'dht', 'lan']), /^DHT lan \(\d+ peers\)/)
})

/** An HTTP router that says what `answers` has for a path. */
async function router(answers: Readonly<Record<string, { type: string; body: string }>>) {
  const asked: string[] = []
  const server: Server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    asked.push(`${request.method} ${path}`)
    const answer = answers[path]
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': answer?.type ?? 'text/plain' })
    response.end(answer?.body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const close = (): void => {
    server.close()
    server.closeAllConnections()
  }
  return { url, asked, [Symbol.dispose]: close }
}

test('HTTP routers are asked for providers and peers, without a daemon too; what they say is checked', async () => {
  const cid = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'
  const peer = '12D3KooWGC6TvWhfajpX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5U'
  const key = formatName(parseName(peer))
  const record = { Schema: 'peer', ID: peer, Addrs: ['/ip4/127.0.0.1/tcp/1', 5], Protocols: ['transport-bitswap'] }
  const strange = [{ Schema: 'peer', ID: 'nobody' }, { Schema: 'unknown', ID: peer }, null, 7]
  using lines = await router({
    [`/routing/v1/providers/${cid}`]: {
      type: 'application/x-ndjson',
      body: [...strange, record, record].map(each => JSON.stringify(each)).join('\n'),
    },
  })
  using whole = await router({
    [`/routing/v1/peers/${key}`]: { type: 'application/json', body: JSON.stringify({ Peers: [record] }) },
    [`/routing/v1/providers/${cid}`]: { type: 'application/json', body: '{"Providers":null}' },
  })
  using broken = await router({ [`/routing/v1/providers/${cid}`]: { type: 'application/json', body: '{' } })
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  const set = `Routing.DelegatedRouters=${JSON.stringify([lines.url, whole.url, broken.url])}`
  assert.equal(await place.ok(['--set', set, 'routing', 'findprovs', cid]), peer)
  assert.equal(await place.ok(['--set', set, 'routing', 'findpeer', peer]), '/ip4/127.0.0.1/tcp/1')
  assert.ok(lines.asked.includes(`GET /routing/v1/providers/${cid}`))
  const only = `Routing.DelegatedRouters=${JSON.stringify([`${whole.url}/routing/v1/peers`])}`
  assert.equal(await place.ok(['--set', only, 'routing', 'findprovs', cid]), '')
})

test('Kubo finds what is provided here, and it is found here what Kubo provides', { skip: WITHOUT_KUBO }, async () => {
  await using kubo = await Daemon.start({ program: KUBO ?? '', base: BASE })
  await node(0).connect(kubo)
  await node(1).connect(kubo)
  const ours = await node(0).ok(['add', '-Q'], { input: 'ours, for Kubo\n' })
  const theirs = await kubo.ok(['add', '-Q'], { input: 'of Kubo\n' })
  await kubo.until(['routing', 'findprovs', ours], text => text.includes(node(0).peer))
  await node(3).until(['routing', 'findprovs', theirs], text => text.includes(kubo.peer))
  assert.ok((await kubo.ok(['routing', 'findpeer', node(7).peer])).includes('/ip4/127.0.0.1/tcp/'))
  assert.ok((await node(7).ok(['routing', 'findpeer', kubo.peer])).includes('/ip4/127.0.0.1/tcp/'))
  // A hash that is not sha2-256: its providers are asked for by multihash as well.
  const other = await kubo.ok(['block', 'put', '--mhtype=blake2b-256'], { input: 'another hash\n' })
  await kubo.ok(['routing', 'provide', other])
  await node(5).until(['routing', 'findprovs', other], text => text.includes(kubo.peer))
})
