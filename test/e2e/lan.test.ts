/** Hosts in a local network, and behind routers that translate addresses, in network namespaces. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { Daemon, KUBO } from './daemons.ts'
import { Host, Lan, withoutNamespaces, withoutTranslation } from './namespaces.ts'
import { printed, type Running, seeded } from './program.ts'

const BASE = '/dev/shm'
const skip = withoutNamespaces() ?? false
const PORT = 4001
const ANY = [`/ip4/0.0.0.0/tcp/${PORT}`]

function addressOf(daemon: Daemon, ip: string): string {
  return `/ip4/${ip}/tcp/${PORT}/p2p/${daemon.peer}`
}

test('daemons in a local network find each other by multicast, and nobody told them', {
  skip,
}, async (t: TestContext) => {
  await using stack = new AsyncDisposableStack()
  const lan = stack.use(new Lan())
  const config = { 'Discovery.MDNS.Enabled': true, 'Addresses.Swarm': ANY, 'Routing.Type': 'none' }
  const programs = [undefined, undefined, KUBO].filter((program, at) => at < 2 || program !== undefined)
  const hosts = programs.map((_, at) => {
    const host = stack.use(new Host(`h${at}`))
    lan.connect(host, 'eth0', `192.168.7.${at + 1}/24`)
    return host
  })
  const begin = performance.now()
  const daemons = await Promise.all(
    hosts.map((host, at) => {
      const program = programs[at]
      return Daemon.start({ base: BASE, within: host.within, config, ...(program === undefined ? {} : { program }) })
    }),
  )
  for (const daemon of daemons) stack.use(daemon)
  const [first, ...others] = daemons
  for (const other of others) await first?.until(['swarm', 'peers'], text => text.includes(other.peer), 30_000)
  t.diagnostic(`all ${daemons.length} met after ${Math.round(performance.now() - begin)} ms`)
  const cid = await others[0]?.ok(['add', '-Q'], { input: 'across the room\n' })
  assert.equal(await first?.ok(['cat', String(cid)]), 'across the room')
})

test('a network that comes apart grows together again: who is kept is met again', { skip }, async () => {
  await using stack = new AsyncDisposableStack()
  const lan = stack.use(new Lan())
  const hosts = [1, 2].map(nth => {
    const host = stack.use(new Host(`h${nth}`))
    lan.connect(host, 'eth0', `192.168.7.${nth}/24`)
    return host
  })
  const config = { 'Addresses.Swarm': ANY, 'Routing.Type': 'none' }
  const [a, b] = await Promise.all(hosts.map(host => Daemon.start({ base: BASE, within: host.within, config })))
  assert.ok(a !== undefined && b !== undefined)
  stack.use(a)
  stack.use(b)
  await b.ok(['swarm', 'peering', 'add', addressOf(a, '192.168.7.1')])
  await b.until(['swarm', 'peers'], text => text.includes(a.peer))
  lan.cut(1, true)
  // What is said now is not heard, nor answered; the connection that is closed here is open there.
  await b.run(['swarm', 'disconnect', '--timeout=3s', `/p2p/${a.peer}`])
  const alone = await b.run(['swarm', 'connect', '--timeout=1s', addressOf(a, '192.168.7.1')])
  assert.notEqual(alone.status, 0)
  lan.cut(1, false)
  await b.until(['swarm', 'peers'], text => text.includes(a.peer), 40_000)
  assert.match(await b.ok(['ping', '-n', '1', a.peer]), /Average/)
})

test('no more than eight come in from one address at a time, unless it is allowed', { skip }, async () => {
  await using stack = new AsyncDisposableStack()
  const lan = stack.use(new Lan())
  const [server, client, friend] = ['server', 'client', 'friend'].map((name, at) => {
    const host = stack.use(new Host(name))
    lan.connect(host, 'eth0', `192.168.7.${at + 1}/24`)
    return host
  })
  assert.ok(server !== undefined && client !== undefined && friend !== undefined)
  const config = { 'Addresses.Swarm': ANY, 'Swarm.ResourceMgr.Allowlist': ['/ip4/192.168.7.3'] }
  await using daemon = await Daemon.start({ base: BASE, within: server.within, config })
  // Whoever is let in is greeted by the handshake; the others are closed at once.
  const script = `
    const { connect } = require('node:net')
    let open = 0, over = 0
    const look = () => { if (open + over === 30) { console.log(open); process.exit() } }
    for (let at = 0; at < 30; at++) {
      const socket = connect(${PORT}, '192.168.7.1')
      socket.write('\\x13/multistream/1.0.0\\n')
      socket.once('data', () => { open++; look() })
      socket.on('error', () => undefined)
      socket.once('close', () => { over++; look() })
    }`
  assert.equal(client.run(process.execPath, '-e', script).trim(), '8')
  assert.equal(friend.run(process.execPath, '-e', script).trim(), '30')
  await daemon.ok(['swarm', 'peers'])
})

/**
 * Two homes with a router each, and two hosts on the internet:
 *
 *     behind (192.168.1.2) - router - | internet | - relay (55.1.0.1)
 *     another (192.168.2.2) - router - |          | - open (55.1.0.2)
 */
class Internet implements Disposable {
  readonly #stack = new DisposableStack()
  readonly relay: Host
  readonly open: Host
  readonly behind: Host
  readonly another: Host
  /** The router of each home. */
  readonly routers: Host[] = []

  constructor() {
    const internet = this.#stack.use(new Lan())
    const host = (name: string): Host => this.#stack.use(new Host(name))
    this.relay = host('relay')
    internet.connect(this.relay, 'eth0', '55.1.0.1/16')
    this.open = host('open')
    internet.connect(this.open, 'eth0', '55.1.0.2/16')
    const home = (nth: number): Host => {
      const lan = this.#stack.use(new Lan())
      const router = host(`router${nth}`)
      internet.connect(router, 'eth0', `55.1.1.${nth}/16`)
      lan.connect(router, 'eth1', `192.168.${nth}.1/24`)
      router.translate('eth0')
      // Who comes uninvited is not answered, as routers have it.
      router.filter(
        'table ip closed { chain in { type filter hook input priority 0; iifname "eth0" ct state new drop; }; }',
      )
      this.routers.push(router)
      const inside = host(`inside${nth}`)
      lan.connect(inside, 'eth0', `192.168.${nth}.2/24`, `192.168.${nth}.1`)
      return inside
    }
    this.behind = home(1)
    this.another = home(2)
  }

  [Symbol.dispose](): void {
    this.#stack[Symbol.dispose]()
  }
}

const natSkip = skip || (withoutTranslation() ?? false)

async function startIn(host: Host, config: Readonly<Record<string, unknown>> = {}, program?: string): Promise<Daemon> {
  const all = { 'Addresses.Swarm': ANY, 'Routing.Type': 'none', ...config }
  return await Daemon.start({
    base: BASE,
    within: host.within,
    config: all,
    ...(program === undefined ? {} : { program }),
  })
}

test('behind a router: reached through a relay, and directly where the other can be dialled', {
  skip: natSkip,
}, async t => {
  using net = new Internet()
  await using relay = await startIn(net.relay, { 'Swarm.RelayService.Enabled': true })
  const relayAddress = addressOf(relay, '55.1.0.1')
  const client = { 'Swarm.RelayClient.Enabled': true, 'Swarm.RelayClient.StaticRelays': [relayAddress] }
  await using behind = await startIn(net.behind, client)
  const begin = performance.now()
  await behind.until(['swarm', 'addrs', 'local'], text => text.includes('/p2p-circuit'))
  t.diagnostic(`a place in the relay after ${Math.round(performance.now() - begin)} ms`)
  await using open = await startIn(net.open)
  const direct = await open.run(['swarm', 'connect', '--timeout=2s', addressOf(behind, '192.168.1.2')])
  assert.notEqual(direct.status, 0)
  const met = performance.now()
  await open.ok(['swarm', 'connect', `${relayAddress}/p2p-circuit/p2p/${behind.peer}`])
  // The one that nobody can dial dials back.
  await open.until(['swarm', 'peers'], text =>
    text.split('\n').some(line => line.includes(behind.peer) && !line.includes('p2p-circuit')),
  )
  t.diagnostic(`a direct connection after ${Math.round(performance.now() - met)} ms`)
  assert.match(await open.ok(['ping', '-n', '1', behind.peer]), /Average/)
  const cid = await behind.ok(['add', '-Q'], { input: 'from behind a router\n' })
  assert.equal(await open.ok(['cat', cid]), 'from behind a router')
  // Whoever can be dialled is told so by others.
  await open.until(['swarm', 'addrs', 'autonat', '--enc=json'], text => JSON.parse(text).reachability === 'Public')
  const verdict = await behind.ok(['swarm', 'addrs', 'autonat', '--enc=json'])
  assert.notEqual(JSON.parse(verdict).reachability, 'Public', verdict)
})

test('two peers behind routers of their own meet in a relay, and then directly', { skip: natSkip }, async t => {
  using net = new Internet()
  await using relay = await startIn(net.relay, { 'Swarm.RelayService.Enabled': true })
  const relayAddress = addressOf(relay, '55.1.0.1')
  const client = { 'Swarm.RelayClient.Enabled': true, 'Swarm.RelayClient.StaticRelays': [relayAddress] }
  const [behind, another] = await Promise.all([startIn(net.behind, client), startIn(net.another, client)])
  await using stack = new AsyncDisposableStack()
  stack.use(behind)
  stack.use(another)
  await behind.until(['swarm', 'addrs', 'local'], text => text.includes('/p2p-circuit'))
  const met = performance.now()
  await another.ok(['swarm', 'connect', `${relayAddress}/p2p-circuit/p2p/${behind.peer}`])
  // Both dial at the same time, each through the hole that its own dial makes.
  await another.until(['swarm', 'peers'], text =>
    text.split('\n').some(line => line.startsWith('/ip4/55.1.1.1/tcp/') && line.endsWith(`/p2p/${behind.peer}`)),
  )
  t.diagnostic(`a direct connection after ${Math.round(performance.now() - met)} ms`)
  assert.match(await another.ok(['ping', '-n', '1', behind.peer]), /Average/)
  const bytes = seeded(4 * 1024 * 1024, 5)
  writeFileSync(behind.place.path('file'), bytes)
  await another.ok(['get', '-o', 'got', await behind.ok(['add', '-Q', 'file'])])
  assert.ok(readFileSync(another.place.path('got')).equals(bytes))
  // The relay itself lost nobody by all this.
  for (const one of [behind, another]) assert.match(await relay.ok(['swarm', 'peers']), new RegExp(one.peer))
})

/** A router that forwards ports when it is asked to, and what it was asked. */
class Gateway implements AsyncDisposable {
  readonly #child: Running
  readonly #over: Promise<unknown>
  readonly asked: Readonly<Record<string, string>>[] = []

  private constructor(router: Host, inside: string, external: string) {
    const [program = '', ...words] = router.within
    const script = join(import.meta.dirname, 'gateway-device.ts')
    this.#child = spawn(program, [...words, process.execPath, script, inside, external])
    this.#over = once(this.#child, 'close')
    createInterface({ input: this.#child.stdout }).on('line', line => this.asked.push(JSON.parse(line)))
  }

  static async start(router: Host, inside: string, external: string): Promise<Gateway> {
    const gateway = new Gateway(router, inside, external)
    await printed(gateway.#child, /ready/)
    return gateway
  }

  /** Resolves with the first request for something that was not refused, once there is one. */
  async was(pattern: RegExp, timeoutMs = 30_000): Promise<Readonly<Record<string, string>>> {
    const end = Date.now() + timeoutMs
    for (;;) {
      const found = this.asked.find(({ action = '', error }) => pattern.test(action) && error === undefined)
      if (found !== undefined) return found
      if (Date.now() > end) throw new Error(`no ${pattern}: ${JSON.stringify(this.asked)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill()
    await this.#over
  }
}

test('behind a router that forwards ports: one is mapped, dialled from outside, and given back at the end', {
  skip: natSkip,
}, async () => {
  using net = new Internet()
  const [router] = net.routers
  assert.ok(router !== undefined)
  await using gateway = await Gateway.start(router, '192.168.1.1', '55.1.1.1')
  const behind = await startIn(net.behind, { 'Swarm.DisableNatPortMap': false })
  try {
    const mapped = await gateway.was(/^Add\w*PortMapping$/)
    assert.equal(mapped.NewInternalClient, '192.168.1.2')
    assert.equal(mapped.NewInternalPort, String(PORT))
    assert.ok(Number(mapped.NewLeaseDuration) > 0)
    await using open = await startIn(net.open)
    await open.ok(['swarm', 'connect', `/ip4/55.1.1.1/tcp/${mapped.NewExternalPort}/p2p/${behind.peer}`])
    const cid = await behind.ok(['add', '-Q'], { input: 'through a mapped port\n' })
    assert.equal(await open.ok(['cat', cid]), 'through a mapped port\n'.trim())
  } finally {
    await behind[Symbol.asyncDispose]()
  }
  const removed = await gateway.was(/^DeletePortMapping$/, 2_000)
  assert.equal(removed.NewProtocol, 'TCP')
  assert.ok(!router.run('nft', 'list', 'ruleset').includes('dnat'))
})
