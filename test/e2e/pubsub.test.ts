/** pubsub between daemons, without one, with Kubo, and against a peer that does not keep to the rules. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { Daemon, KUBO } from './daemons.ts'
import { ended, Place, seeded } from './program.ts'
import { encodeRpc, RawPeer } from './raw-pubsub.ts'

const BASE = '/dev/shm'
const BURST = 1_000

/** Starts a subscription. Resolves when the other nodes know of it. */
async function subscribe(on: Daemon, topic: string, options: readonly string[], seenBy: readonly Daemon[]) {
  const child = on.start(['pubsub', 'sub', ...options, topic])
  const over = ended(child, { timeoutMs: 60_000 })
  await on.until(['pubsub', 'ls'], text => text.split('\n').includes(topic))
  for (const other of seenBy) await other.until(['pubsub', 'peers', topic], text => text.includes(on.peer))
  return { child, over }
}

function lines(count: number): string {
  return Array.from({ length: count }, (_, nth) => `${nth}:${'x'.repeat(1_018)}`).join('\n')
}

test('messages go from daemon to daemon, whole, in order, in every form', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  await b.connect(a)
  const raw = await subscribe(b, 'news', ['--count=2'], [a])
  const rows = await subscribe(b, 'news', ['--count=2', '--format=lines'], [])
  const json = await subscribe(b, 'news', ['--count=2', '--format=json'], [])
  const own = await subscribe(a, 'news', ['--count=2', '--enc=json'], [])
  const binary = Buffer.from(seeded(70_000, 1))
  writeFileSync(a.place.path('binary'), binary)
  assert.equal(await a.ok(['pubsub', 'pub', 'news'], { input: 'first\n' }), '')
  await a.ok(['pubsub', 'pub', 'news', 'binary'])
  const text = `first\n${binary.toString()}`
  assert.equal((await raw.over).stdout, text)
  assert.equal((await rows.over).stdout, `first\n\n${binary.toString()}\n`)
  const data = [Buffer.from('first\n'), binary].map(bytes => `u${bytes.toString('base64url')}`)
  const records = JSON.parse((await json.over).stdout)
  assert.deepEqual(
    records.map((record: Record<string, unknown>) => ({ ...record, seqno: '' })),
    [
      { from: a.peer, data: data[0], seqno: '', topicIDs: ['ubmV3cw'], text: 'first\n' },
      { from: a.peer, data: data[1], seqno: '', topicIDs: ['ubmV3cw'] },
    ],
  )
  const printed = (await own.over).stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.deepEqual(
    printed.map(record => record.data),
    data,
  )
  await b.until(['pubsub', 'ls'], out => out === '')
})

test('a burst of messages arrives as it was sent, also at a third node', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  await using c = await Daemon.start({ base: BASE })
  await b.connect(a)
  await c.connect(b)
  const near = await subscribe(b, 'burst', [`--count=${BURST}`, '--format=lines'], [a])
  const far = await subscribe(c, 'burst', [`--count=${BURST}`, '--format=lines'], [b])
  await a.ok(['pubsub', 'pub', '--lines', 'burst'], { input: lines(BURST) })
  const [first, second] = await Promise.all([near.over, far.over])
  assert.equal(first.stdout, `${lines(BURST)}\n`)
  // What is passed on may be overtaken; it is all there, and once.
  assert.deepEqual(new Set(second.stdout.trim().split('\n')), new Set(lines(BURST).split('\n')))
})

test('without a daemon a process takes part itself', async () => {
  await using a = await Daemon.start({ base: BASE })
  using place = new Place(BASE)
  const heard = await subscribe(a, 'one-shot', ['--count=1'], [])
  await place.ok(['pubsub', 'pub', '--peer', a.address, 'one-shot'], { input: 'from afar' })
  assert.equal((await heard.over).stdout, 'from afar')

  const child = place.start(['pubsub', 'sub', '--peer', a.address, '--count=1', '--timeout=30s', 'back'])
  const over = ended(child)
  await a.ok(['pubsub', 'pub', '--min-peers=1', 'back'], { input: 'hello' })
  assert.deepEqual(await over.then(({ status, stdout }) => [status, stdout]), [0, 'hello'])

  const alone = ['--lookup-timeout=1s', 'pubsub', 'pub']
  const nobody = await place.run([...alone, '--peer', a.address, 'nobody'], { input: 'x' })
  assert.equal(nobody.status, 5)
  assert.match(nobody.stderr, /^Error: nobody is subscribed to the topic\nhint: /)
  assert.equal((await place.run([...alone, 'nobody'], { input: 'x' })).status, 5)
  const waited = await place.run(['--timeout=1s', 'pubsub', 'sub', '--peer', a.address, 'silence'])
  assert.equal(waited.status, 4)
  // Beside a daemon nobody has to listen, as with Kubo, unless that is asked for.
  await a.ok(['pubsub', 'pub', 'nobody'], { input: 'x' })
  const asked = await a.run(['--lookup-timeout=300ms', 'pubsub', 'pub', '--min-peers=1', 'nobody'], { input: 'x' })
  assert.equal(asked.status, 5)
})

test('too large a message is refused before it is sent', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  await b.connect(a)
  const heard = await subscribe(b, 'large', ['--count=1'], [a])
  const refused = await a.run(['pubsub', 'pub', 'large'], { input: seeded(1 << 20, 1) })
  assert.equal(refused.status, 2)
  assert.match(refused.stderr, /too large for pubsub\nhint: /)
  const endless = await a.run(['pubsub', 'pub', '--lines', 'large'], { input: 'x'.repeat(5 << 20) })
  assert.equal(endless.status, 2)
  await a.ok(['pubsub', 'pub', 'large'], { input: Buffer.alloc((1 << 20) - 200, 'y') })
  assert.equal((await heard.over).stdout.length, (1 << 20) - 200)
})

test('what is forged, unsigned, too large or sent again is dropped', async () => {
  await using a = await Daemon.start({ base: BASE, config: { 'Pubsub.SeenMessagesTTL': '1s' } })
  await using peer = await RawPeer.start()
  const heard = await subscribe(a, 'rules', ['--format=lines', '--count=3'], [])
  await peer.dial(a.address)
  const good = await peer.message('rules', 'one', 10n)
  await peer.send(encodeRpc([good]))
  await a.until(['pubsub', 'peers'], text => text.includes(peer.id))
  const forged = await peer.message('rules', 'forged', 11n)
  const unsigned = await peer.message('rules', 'unsigned', 12n)
  const foreign = await peer.message('rules', 'foreign', 13n)
  await peer.send(
    encodeRpc([
      { ...forged, data: Buffer.from('changed') },
      { ...unsigned, signature: undefined },
      { ...foreign, from: Buffer.from([0, 2, 1, 2]) },
      { ...(await peer.message('rules', 'two', 14n)), seqno: undefined },
    ]),
  )
  await peer.send(encodeRpc([await peer.message('rules', 'two', 20n), good]))
  // Time is what is tested: the cache of seen messages forgets, and numbers that go back are refused all the same.
  await new Promise(resolve => setTimeout(resolve, 2_500))
  await peer.send(encodeRpc([good, await peer.message('rules', 'back', 19n)]))
  await peer.send(encodeRpc([await peer.message('rules', 'three', 30n)]))
  assert.equal((await heard.over).stdout, 'one\ntwo\nthree\n')

  const late = await subscribe(a, 'rules', ['--format=lines', '--count=1'], [])
  await peer.send(encodeRpc([await peer.message('rules', 'x'.repeat(1 << 20), 40n)])).catch(() => undefined)
  await peer.closed()
  await peer.reopen()
  // Only the stream was lost, and what was known of the numbers can be forgotten.
  assert.equal(await a.ok(['pubsub', 'reset', '--peer', peer.id]), `Reset validator state for peer ${peer.id}`)
  assert.equal(await a.ok(['pubsub', 'reset', '--peer', peer.id]), `No validator state found for peer ${peer.id}`)
  await peer.send(encodeRpc([await peer.message('rules', 'again', 5n)]))
  assert.equal((await late.over).stdout, 'again\n')
  assert.equal(await a.ok(['pubsub', 'reset']), 'Reset validator state for 1 peer(s)')
})

test('a peer cannot fill the list of topics, and topics may be long and odd', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using peer = await RawPeer.start()
  await peer.dial(a.address)
  for (let nth = 0; nth < 40; nth++) {
    const names = Array.from({ length: 100 }, (_, at) => `${nth}-${at}-${'t'.repeat(1_000)}`)
    await peer.send(encodeRpc([], names))
  }
  await peer.send(encodeRpc([], ['short']))
  await a.until(['pubsub', 'peers', '0-0-' + 't'.repeat(1_000)], text => text.includes(peer.id))
  assert.equal(await a.ok(['pubsub', 'peers', `39-99-${'t'.repeat(1_000)}`]), '')
  const odd = await subscribe(a, 'a/b c-ž-🚀', ['--count=1'], [])
  await a.ok(['pubsub', 'pub', 'a/b c-ž-🚀'], { input: 'odd' })
  assert.equal((await odd.over).stdout, 'odd')
})

/** Asks the RPC of a node that listens on TCP. */
async function ask(on: Daemon, path: string, init: RequestInit = {}): Promise<Response> {
  const [, host, port] = /^\/ip4\/([^/]+)\/tcp\/(\d+)/.exec(readFileSync(on.place.path('repo', 'api'), 'utf8')) ?? []
  return await fetch(`http://${host}:${port}/api/v0/${path}`, { ...init, method: 'POST' })
}

/** Publishes one message over the RPC. */
async function tell(on: Daemon, topic: Uint8Array, text: string): Promise<void> {
  const body = new FormData()
  body.set('file', new Blob([text]), 'message')
  const answer = await ask(on, `pubsub/pub?arg=${multibase(topic)}`, { body })
  assert.equal(answer.status, 200, await answer.text())
}

function multibase(bytes: Uint8Array): string {
  return `u${Buffer.from(bytes).toString('base64url')}`
}

const API = { 'Addresses.API': '/ip4/127.0.0.1/tcp/0' }

test('a topic is bytes: those that are no UTF-8 are told apart, and known to Kubo', async () => {
  await using ours = await Daemon.start({ base: BASE, config: API })
  await using other =
    KUBO === undefined
      ? await Daemon.start({ base: BASE, config: API })
      : await Daemon.start({ base: BASE, program: KUBO, config: { 'Pubsub.Enabled': true } })
  await other.connect(ours)
  const topics = [Buffer.from([0xff, 0x61]), Buffer.from([0xfe, 0x61]), Buffer.from('\ufffda')]
  for (const [here, there] of [
    [ours, other],
    [other, ours],
  ] as const) {
    const leave = new AbortController()
    const heard = await Promise.all(
      topics.map(async topic => {
        const answer = await ask(here, `pubsub/sub?arg=${multibase(topic)}`, { signal: leave.signal })
        const reader = answer.body?.getReader()
        return async () => JSON.parse(Buffer.from((await reader?.read())?.value ?? []).toString())
      }),
    )
    const listed = JSON.parse(await (await ask(here, 'pubsub/ls')).text())
    assert.deepEqual(new Set(listed.Strings), new Set(topics.map(multibase)))
    for (const topic of topics) {
      for (const end = Date.now() + 20_000; ; ) {
        const answer = await ask(there, `pubsub/peers?arg=${multibase(topic)}`)
        if (JSON.parse(await answer.text()).Strings?.includes(here.peer) === true) break
        assert.ok(Date.now() < end, 'nobody heard of the subscription')
      }
      await tell(there, topic, `on ${multibase(topic)}`)
    }
    for (const [at, next] of heard.entries()) {
      const topic = multibase(topics[at] ?? Buffer.alloc(0))
      const { data, topicIDs } = await next()
      assert.deepEqual([Buffer.from(data.slice(1), 'base64url').toString(), topicIDs], [`on ${topic}`, [topic]])
    }
    leave.abort()
  }
})

test('a topic on the command line is the bytes that were typed', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE })
  await b.connect(a)
  // Only a shell can put such bytes into an argument.
  const shell = async (on: Daemon, words: string): Promise<string> => {
    const child = spawn('sh', ['-c', `exec "$0" ${words} "$(printf 'a\\377')"`, on.program], {
      env: { PATH: process.env.PATH, TSIPFS_PATH: on.place.repo },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    child.stdin.end('typed')
    const { status, stdout, stderr } = await ended(child, { timeoutMs: 60_000 })
    assert.equal(status, 0, stderr)
    return stdout
  }
  const heard = shell(b, 'pubsub sub --count=1')
  await b.until(['pubsub', 'ls', '--enc=json'], text => text.includes('"uYf8"'))
  await shell(a, '--lookup-timeout=20s pubsub pub --min-peers=1')
  assert.equal(await heard, 'typed')
})

test('signing cannot be turned off, pubsub can, and floodsub is spoken with those who know no other', async () => {
  await using a = await Daemon.start({ base: BASE })
  await using b = await Daemon.start({ base: BASE, config: { 'Pubsub.Router': 'floodsub' } })
  await b.connect(a)
  for (const [here, there] of [
    [a, b],
    [b, a],
  ] as const) {
    const heard = await subscribe(here, 'old', ['--count=1'], [there])
    await there.ok(['pubsub', 'pub', 'old'], { input: 'flood' })
    assert.equal((await heard.over).stdout, 'flood')
  }
  assert.doesNotMatch(await b.ok(['id']), /meshsub/)
  await using off = await Daemon.start({ base: BASE, config: { 'Pubsub.Enabled': false } })
  const refused = await off.run(['pubsub', 'ls'])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /not enabled/)
  using place = new Place(BASE)
  await place.ok(['init', '--profile=test'])
  await place.ok(['config', '--json', 'Pubsub.DisableSigning', 'true'])
  assert.equal((await place.run(['daemon'])).status, 2)
})

test('Kubo and tsipfs understand each other', async (t: TestContext) => {
  if (KUBO === undefined) return t.skip('KUBO_BIN is not set')
  for (const router of ['gossipsub', 'floodsub']) {
    await using ours = await Daemon.start({ base: BASE })
    await using kubo = await Daemon.start({
      base: BASE,
      program: KUBO,
      config: { 'Pubsub.Enabled': true, 'Pubsub.Router': router },
    })
    await kubo.connect(ours)
    const here = await subscribe(ours, 'both', ['--count=2', '--format=lines'], [kubo])
    await kubo.ok(['pubsub', 'pub', 'both'], { input: 'from Kubo' })
    const there = kubo.start(['pubsub', 'sub', 'both'])
    const heard = new Promise<string>(resolve => there.stdout.once('data', chunk => resolve(String(chunk))))
    await ours.until(['pubsub', 'peers', 'both'], text => text.includes(kubo.peer))
    await ours.ok(['pubsub', 'pub', 'both'], { input: 'from tsipfs' })
    assert.equal(await heard, 'from tsipfs')
    assert.equal((await here.over).stdout, 'from Kubo\nfrom tsipfs\n')
    there.kill()
    using place = new Place(BASE)
    const oneShot = ended(place.start(['pubsub', 'sub', '--peer', kubo.address, '--count=1', 'eph']))
    await kubo.until(['pubsub', 'peers', 'eph'], text => text.trim() !== '')
    await kubo.ok(['pubsub', 'pub', 'eph'], { input: 'to a process' })
    assert.equal((await oneShot).stdout, 'to a process')
  }
})

/** Subscribes on a node of Kubo. Resolves to the parts that came, once they are so many bytes, or fails. */
function kuboHears(kubo: Daemon, topic: string, bytes: number): { text: Promise<string>; stop: () => void } {
  const child = kubo.start(['pubsub', 'sub', topic])
  const text = new Promise<string>((resolve, reject) => {
    let heard = ''
    child.stdout.on('data', chunk => {
      heard += String(chunk)
      if (heard.length >= bytes) resolve(heard)
    })
    const limit = AbortSignal.timeout(60_000)
    limit.addEventListener('abort', () => reject(new Error(`${heard.length} of ${bytes} bytes arrived`)))
  })
  return { text, stop: () => child.kill() }
}

test('every message of a burst arrives at Kubo', async (t: TestContext) => {
  if (KUBO === undefined) return t.skip('KUBO_BIN is not set')
  await using ours = await Daemon.start({ base: BASE })
  await using kubo = await Daemon.start({ base: BASE, program: KUBO, config: { 'Pubsub.Enabled': true } })
  await kubo.connect(ours)
  const whole = lines(BURST).replaceAll('\n', '')
  const { text, stop } = kuboHears(kubo, 'burst', whole.length)
  await ours.until(['pubsub', 'peers', 'burst'], list => list.includes(kubo.peer))
  await ours.ok(['pubsub', 'pub', '--lines', 'burst'], { input: lines(BURST) })
  assert.equal(await text, whole)
  stop()
})

test('every message of a burst that is passed on arrives at Kubo', async (t: TestContext) => {
  if (KUBO === undefined) return t.skip('KUBO_BIN is not set')
  await using author = await Daemon.start({ base: BASE })
  await using between = await Daemon.start({ base: BASE })
  await using kubo = await Daemon.start({ base: BASE, program: KUBO, config: { 'Pubsub.Enabled': true } })
  await between.connect(author)
  await kubo.connect(between)
  const near = await subscribe(between, 'burst', [`--count=${BURST}`, '--format=lines'], [author, kubo])
  const whole = lines(BURST).replaceAll('\n', '')
  const { text, stop } = kuboHears(kubo, 'burst', whole.length)
  await between.until(['pubsub', 'peers', 'burst'], list => list.includes(kubo.peer))
  await author.ok(['pubsub', 'pub', '--lines', 'burst'], { input: lines(BURST) })
  assert.equal((await near.over).stdout, `${lines(BURST)}\n`)
  assert.equal(await text, whole)
  stop()
})

test('bursts of several publishers, on several topics, are heard by each subscriber, whole and once', async () => {
  const topics = ['one', 'two', 'three', 'four'].map(name => Buffer.from(name))
  await using a = await Daemon.start({ base: BASE, config: API })
  await using b = await Daemon.start({ base: BASE, config: API })
  await using c = await Daemon.start({ base: BASE, config: API })
  await b.connect(a)
  await c.connect(b)
  const nodes = [a, b, c]
  const leave = new AbortController()
  const heard = await Promise.all(
    nodes.flatMap(node => topics.map(topic => listen(node, topic, { count: 6 * EACH, signal: leave.signal }))),
  )
  for (const [node, other] of [
    [a, b],
    [b, a],
    [b, c],
    [c, b],
  ] as const) {
    for (const topic of topics) await node.until(['pubsub', 'peers', String(topic)], text => text.includes(other.peer))
  }
  // Two on each node, which begin in the same moment; each tells every topic in turn.
  const publish = async (node: Daemon, author: string): Promise<void> => {
    for (let nth = 0; nth < EACH; nth++)
      for (const topic of topics) await tell(node, topic, `${author} ${topic} ${nth}`)
  }
  await Promise.all(nodes.flatMap((node, at) => [publish(node, `${at}a`), publish(node, `${at}b`)]))
  for (const [at, texts] of (await Promise.all(heard.map(({ texts }) => texts))).entries()) {
    const topic = String(topics[at % topics.length])
    for (const author of ['0a', '0b', '1a', '1b', '2a', '2b']) {
      const own = texts.filter(text => text.startsWith(author))
      assert.deepEqual(new Set(own), new Set(Array.from({ length: EACH }, (_, nth) => `${author} ${topic} ${nth}`)))
    }
  }
  leave.abort()
})

const EACH = 50

/** Subscribes over the RPC. Resolves once it has begun; `texts` once so many messages were heard. */
async function listen(
  on: Daemon,
  topic: Uint8Array,
  { count, signal }: { count: number; signal: AbortSignal },
): Promise<{ texts: Promise<string[]> }> {
  const answer = await ask(on, `pubsub/sub?arg=${multibase(topic)}`, { signal })
  const hear = async (): Promise<string[]> => {
    const texts: string[] = []
    let begun: string[] = []
    for await (const chunk of answer.body ?? []) {
      const parts = Buffer.from(chunk).toString().split('\n')
      const rest = parts.pop() ?? ''
      if (parts.length > 0) {
        parts[0] = begun.join('') + parts[0]
        begun = []
      }
      begun.push(rest)
      for (const line of parts) texts.push(Buffer.from(JSON.parse(line).data.slice(1), 'base64url').toString())
      if (texts.length >= count) break
    }
    return texts
  }
  return { texts: hear() }
}

test('a hundred subscribers over the RPC hear every message, in order', async () => {
  const topic = Buffer.from('crowd')
  await using a = await Daemon.start({ base: BASE, config: API })
  await using b = await Daemon.start({ base: BASE, config: API })
  await b.connect(a)
  const leave = new AbortController()
  const crowd = await Promise.all(
    Array.from({ length: 100 }, () => listen(b, topic, { count: 100, signal: leave.signal })),
  )
  await a.until(['pubsub', 'peers', 'crowd'], text => text.includes(b.peer))
  const numbers = Array.from({ length: 100 }, (_, nth) => String(nth))
  await a.ok(['pubsub', 'pub', '--lines', 'crowd'], { input: numbers.join('\n') })
  for (const { texts } of crowd) assert.deepEqual(await texts, numbers)
  leave.abort()
  await b.until(['pubsub', 'ls'], text => text === '')
})

test('a subscriber that does not read costs little memory, and keeps no other from hearing', async () => {
  const topic = Buffer.from('slow')
  await using a = await Daemon.start({ base: BASE, config: API })
  await using b = await Daemon.start({ base: BASE, config: API })
  await b.connect(a)
  const leave = new AbortController()
  // Its answer is left where it is.
  const deaf = await ask(b, `pubsub/sub?arg=${multibase(topic)}`, { signal: leave.signal })
  const { texts } = await listen(b, topic, { count: LARGE, signal: leave.signal })
  await a.until(['pubsub', 'peers', 'slow'], text => text.includes(b.peer))
  const resident = (): number => Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${b.pid}/status`, 'utf8'))?.[1]) >> 10
  const before = resident()
  for (let nth = 0; nth < LARGE; nth++) await tell(a, topic, String(nth).padEnd(LARGE_BYTES, 'x'))
  assert.deepEqual(
    (await texts).map(text => Number.parseInt(text, 10)),
    Array.from({ length: LARGE }, (_, nth) => nth),
  )
  // What may wait for one subscriber, what is kept for those who ask for it, and garbage.
  assert.ok(resident() - before < 300, `${resident() - before} MiB`)
  assert.equal(deaf.status, 200)
  leave.abort()
})

const LARGE = 150
const LARGE_BYTES = 900_000
