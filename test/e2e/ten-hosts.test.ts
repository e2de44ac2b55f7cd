/** Ten hosts, in network namespaces, whose network comes apart in the middle and grows together again. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Daemon } from './daemons.ts'
import { Host, Lan, withoutNamespaces } from './namespaces.ts'
import { ended } from './program.ts'

const BASE = '/dev/shm'
const HOSTS = 10
const HALF = HOSTS / 2
const PORT = 4001
const CONFIG = { 'Addresses.Swarm': [`/ip4/0.0.0.0/tcp/${PORT}`], 'Swarm.DisableNatPortMap': true }

/** Starts ten daemons, half of them in each of two networks, which are one as long as they are joined. */
async function startAll(stack: AsyncDisposableStack): Promise<{ nodes: Daemon[]; cut: (isCut: boolean) => void }> {
  const [left, right] = [stack.use(new Lan()), stack.use(new Lan())]
  const cut = left.join(right)
  const hosts = Array.from({ length: HOSTS }, (_, at) => {
    const host = stack.use(new Host(`h${at}`))
    const lan = at < HALF ? left : right
    lan.connect(host, 'eth0', `192.168.7.${at + 1}/24`)
    return host
  })
  const nodes: Daemon[] = []
  for (let at = 0; at < HOSTS; at += 2) {
    const some = hosts.slice(at, at + 2).map(({ within }) => Daemon.start({ base: BASE, within, config: CONFIG }))
    for (const node of await Promise.all(some)) nodes.push(stack.use(node))
  }
  // A ring, whose members keep their neighbours.
  for (const [at, node] of nodes.entries()) {
    const next = (at + 1) % HOSTS
    const address = `/ip4/192.168.7.${next + 1}/tcp/${PORT}/p2p/${nodes[next]?.peer}`
    await node.ok(['swarm', 'peering', 'add', address])
    await node.until(['swarm', 'peers'], text => text.includes(nodes[next]?.peer ?? ''))
  }
  return { nodes, cut }
}

/**
 * Passes when all others hear what one says, if it says it again while the mesh grows. Each text has a topic of its own:
 * whoever was apart is told later what it has missed.
 */
async function broadcast(nodes: readonly Daemon[], from: Daemon, text: string): Promise<void> {
  const topic = text
  const others = nodes.filter(node => node !== from)
  const hearing = others.map(node => ended(node.start(['pubsub', 'sub', '--count=1', '--format=lines', topic])))
  for (const node of others) await node.until(['pubsub', 'ls'], topics => topics.includes(topic))
  const all = Promise.all(hearing)
  let isHeard = false
  void all.then(() => {
    isHeard = true
  })
  while (!isHeard) {
    // Nobody may have joined yet whom this one knows.
    await from.run(['pubsub', 'pub', topic], { input: text })
    await Promise.race([all, new Promise(resolve => setTimeout(resolve, 1_000))])
  }
  for (const { stdout } of await all) assert.equal(stdout, `${text}\n`)
}

test('ten hosts fetch, find and hear each other; so does each half alone, and all again', {
  skip: withoutNamespaces() ?? false,
}, async (t: TestContext) => {
  await using stack = new AsyncDisposableStack()
  const { nodes, cut } = await startAll(stack)
  const at = (nth: number): Daemon => nodes[nth] ?? assert.fail(String(nth))
  const begin = performance.now()
  const lap = (text: string): void => t.diagnostic(`${Math.round(performance.now() - begin)} ms: ${text}`)

  await broadcast(nodes, at(0), 'to all')
  lap('a message reached all')
  const first = await at(0).ok(['add', '-Q'], { input: 'from the first\n' })
  await at(7).until(['routing', 'findprovs', first], text => text.includes(at(0).peer), 40_000)
  assert.equal(await at(7).ok(['cat', first]), 'from the first')
  lap('a provider was found, and the block fetched')

  cut(true)
  const apart = await at(9).ok(['add', '-Q'], { input: 'while apart\n' })
  assert.equal(await at(6).ok(['cat', '--timeout=40s', apart]), 'while apart')
  assert.notEqual((await at(2).run(['cat', '--timeout=2s', apart])).status, 0)
  await broadcast(nodes.slice(0, HALF), at(3), 'to one half')
  lap('each half went on alone')

  cut(false)
  assert.equal(await at(2).ok(['cat', '--timeout=50s', apart], { timeoutMs: 60_000 }), 'while apart')
  await broadcast(nodes, at(8), 'to all again')
  lap('and all together')
})
