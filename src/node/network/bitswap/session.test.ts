/** How a session spreads its wants, by https://specs.ipfs.tech/bitswap-protocol/: peers that deny, lie, stall and leave. */
import assert from 'node:assert/strict'
import { afterEach, type TestContext, test } from 'node:test'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { keyOf } from './cid.ts'
import { BitswapClient } from './client.ts'
import { WANTS_PER_PEER_MAX } from './limits.ts'
import { type GivenUp, Session, type SessionOptions } from './session.ts'
import type { Sender } from './streams.ts'
import { BITSWAP_110, BITSWAP_120, decodeMessage, type Message, type WantEntry } from './wire.ts'

const RAW = 0x55
const BYTES = Uint8Array.of(1, 2, 3)
const NEVER = { lookupTimeoutMs: 1e9, stallTimeoutMs: 1e9 }

async function cidOf(text: string): Promise<CID> {
  return CID.createV1(RAW, await sha256.digest(new TextEncoder().encode(text)))
}

async function cidsOf(count: number): Promise<CID[]> {
  return await Promise.all(Array.from({ length: count }, (_, at) => cidOf(String(at))))
}

/** What one peer was sent. */
class Inbox {
  readonly messages: Message[] = []
  protocol: string | undefined = BITSWAP_120
  isLost = false

  get supportsHave(): boolean {
    return this.protocol === BITSWAP_120
  }

  async send(pieces: readonly Uint8Array[]): Promise<void> {
    if (this.isLost) throw new Error('the peer is lost')
    // A length of up to three bytes stands before it.
    const all = Buffer.concat(pieces)
    const length = all.findIndex(byte => byte < 0x80) + 1
    this.messages.push(decodeMessage(all.subarray(length)))
  }

  close(): void {
    // Nothing is held.
  }

  /** Takes what came since the last time, as `block KEY`, `have KEY`, `cancel KEY`, by the names of the CIDs. */
  take(names: ReadonlyMap<string, string>): string[] {
    const entries = this.messages.splice(0).flatMap(message => message.entries)
    return entries.map(
      ({ cancel, type, cid }: WantEntry) =>
        `${cancel ? 'cancel' : type} ${names.get(keyOf(CID.decode(Uint8Array.from(cid)))) ?? '?'}`,
    )
  }
}

/** A client with peers, and CIDs by name. */
async function setUp(peers: readonly string[], cids: readonly string[] = ['a', 'b', 'c']) {
  const inboxes = new Map<string, Inbox>()
  const inbox = (id: string): Inbox => {
    const found = inboxes.get(id) ?? new Inbox()
    inboxes.set(id, found)
    return found
  }
  const client = new BitswapClient(id => inbox(id) as unknown as Sender)
  for (const id of peers) client.connected(id)
  const named = new Map<string, CID>()
  const names = new Map<string, string>()
  for (const text of cids) {
    const cid = await cidOf(text)
    named.set(text, cid)
    names.set(keyOf(cid), text)
  }
  const get = (text: string): CID => named.get(text) ?? assert.fail(text)
  return {
    client,
    inbox,
    cid: get,
    /** What each of the peers was sent since the last time. */
    sent: async (...ids: string[]): Promise<string[][]> => {
      await settled()
      return ids.map(id => inbox(id).take(names))
    },
    says: (id: string, has: boolean, ...texts: string[]): void =>
      client.presences(
        id,
        texts.map(text => ({ cid: get(text).bytes, has })),
      ),
    gives: (id: string | undefined, text: string): void =>
      client.received({ cid: get(text), key: keyOf(get(text)) }, BYTES, id),
  }
}

/** A want that is still open when the test ends. */
function quiet(promise: Promise<Uint8Array>): void {
  promise.catch(() => undefined)
}

/** Lets what waits for microtasks be done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

const sessions: Session[] = []
afterEach(() => {
  for (const each of sessions.splice(0)) each.close()
})

function session(client: BitswapClient, options: Partial<SessionOptions> = {}): Session {
  const made = new Session(client, { ...NEVER, giveUp: (_wanted, why: GivenUp) => new Error(why), ...options })
  sessions.push(made)
  return made
}

function withClock(t: TestContext): void {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'] })
}

test('the first block is asked of one peer, and whether it is there of the others', async () => {
  const { client, cid, sent, gives, inbox } = await setUp(['p', 'q', 'r'])
  const wants = session(client)
  const got = wants.want(cid('a'))
  await settled()
  const [first] = inbox('p').messages
  assert.equal(first?.full, true, 'the first list replaces what the peer knew')
  assert.deepEqual(
    first?.entries.map(({ sendDontHave }) => sendDontHave),
    [true],
  )
  assert.deepEqual(await sent('p', 'q', 'r'), [['block a'], ['have a'], ['have a']])
  assert.deepEqual(client.wantlist().map(String), [String(cid('a'))])
  gives('p', 'a')
  assert.deepEqual(await got, BYTES)
  assert.deepEqual(await sent('p', 'q', 'r'), [[], ['cancel a'], ['cancel a']])
  assert.equal(client.wantlist().length, 0)
  // The others are asked of the peer that had one.
  quiet(wants.want(cid('b')))
  await settled()
  assert.equal(inbox('p').messages[0]?.full, false)
  assert.deepEqual(await sent('p', 'q', 'r'), [['block b'], [], []])
})

test('what one peer has not is asked of one that has it, and what all have not is looked for', async () => {
  const { client, cid, sent, says, gives } = await setUp(['p', 'q', 'r'])
  const searched: string[] = []
  const wants = session(client, {
    findProviders: async function* (wanted) {
      searched.push(String(wanted))
      client.connected('s')
      yield 's'
    },
  })
  const a = wants.want(cid('a'))
  await sent('p', 'q', 'r')
  says('p', false, 'a')
  assert.deepEqual(await sent('p', 'q', 'r'), [[], [], []])
  says('r', true, 'a')
  assert.deepEqual(await sent('p', 'q', 'r'), [[], [], ['block a']])
  assert.deepEqual(searched, [])
  // It said that it had it.
  says('r', false, 'a')
  says('q', false, 'a')
  assert.deepEqual(searched, [String(cid('a'))])
  const [ofP, ofQ, ofR, ofS] = await sent('p', 'q', 'r', 's')
  assert.deepEqual([ofP, ofQ, ofR, ofS?.at(-1)], [[], [], [], 'block a'])
  gives('s', 'a')
  assert.deepEqual(await a, BYTES)
  // Whoever said no is remembered by the peer until it is told: all are.
  assert.deepEqual(await sent('p', 'q', 'r', 's'), [['cancel a'], ['cancel a'], ['cancel a'], []])
  assert.deepEqual(wants.tried, { peers: 4, providers: 1, searches: 1 })
})

test('a peer that denies again and again is not asked by the session any more', async () => {
  const texts = Array.from({ length: 40 }, (_, at) => String(at))
  const { client, cid, sent, says, gives } = await setUp(['p', 'q'], texts)
  const wants = session(client)
  const promises = texts.map(text => wants.want(cid(text)))
  await sent('p', 'q')
  says('p', true, ...texts)
  says('q', true, ...texts)
  await sent('p', 'q')
  says('p', false, ...texts)
  await sent('p', 'q')
  for (const text of texts) gives('q', text)
  await Promise.all(promises)
  await sent('p', 'q')
  quiet(wants.want(await cidOf('one more')))
  const [ofP, ofQ] = await sent('p', 'q')
  assert.deepEqual([ofP, ofQ], [[], ['block ?']])
})

test('a peer that stalls keeps its want, another one is asked as well, and the first answer counts', async t => {
  withClock(t)
  const { client, cid, sent, says, gives } = await setUp(['p', 'q', 'r'])
  const wants = session(client)
  const a = wants.want(cid('a'))
  await sent('p', 'q', 'r')
  says('p', false, 'a')
  says('q', true, 'a')
  says('r', true, 'a')
  assert.deepEqual(await sent('p', 'q', 'r'), [[], ['block a'], []])
  t.mock.timers.tick(2_900)
  assert.deepEqual(await sent('p', 'q', 'r'), [[], [], []])
  t.mock.timers.tick(500)
  assert.deepEqual(await sent('p', 'q', 'r'), [[], [], ['block a']])
  // The slow one was faster after all.
  gives('q', 'a')
  assert.deepEqual(await a, BYTES)
  assert.deepEqual(await sent('p', 'q', 'r'), [['cancel a'], [], ['cancel a']])
})

test('while a peer sends pieces of a large block nobody gives up', async t => {
  withClock(t)
  const { client, cid, sent, gives } = await setUp(['p'])
  const wants = session(client, { stallTimeoutMs: 5_000, lookupTimeoutMs: 2_000 })
  const a = wants.want(cid('a'))
  const b = wants.want(cid('b'))
  await sent('p')
  gives('p', 'b')
  await b
  for (let second = 0; second < 20; second++) {
    t.mock.timers.tick(1_000)
    client.heardFrom('p')
  }
  let failure: unknown
  a.catch(error => {
    failure = error
  })
  await settled()
  assert.equal(failure, undefined)
  t.mock.timers.tick(5_500)
  await settled()
  assert.match(String(failure), /stall/)
  assert.deepEqual(await sent('p'), [['cancel a']])
})

test('what nobody is known to have is given up after the time of a lookup, or at once when nobody is left', async t => {
  withClock(t)
  const { client, cid, says, sent } = await setUp(['p'])
  let isComplete = false
  const wants = session(client, { lookupTimeoutMs: 2_000, isComplete: () => isComplete })
  const a = assert.rejects(wants.want(cid('a')), /lookup/)
  await settled()
  t.mock.timers.tick(1_900)
  await settled()
  const b = assert.rejects(wants.want(cid('b')), /nobody/)
  await sent('p')
  t.mock.timers.tick(400)
  await a
  isComplete = true
  t.mock.timers.tick(250)
  // It has not answered yet.
  assert.equal(wants.progress.wants, 1)
  says('p', false, 'b')
  t.mock.timers.tick(250)
  await b
  assert.equal(wants.progress.wants, 0)
})

test('a want that is taken back is cancelled where it was sent, and only when nobody else waits', async () => {
  const { client, cid, sent, gives } = await setUp(['p', 'q'])
  const one = session(client)
  const other = session(client)
  const stop = new AbortController()
  const gone = assert.rejects(one.want(cid('a'), stop.signal), /stopped/)
  const kept = other.want(cid('a'))
  // Two sessions, one want.
  assert.deepEqual(await sent('p', 'q'), [['block a'], ['have a']])
  stop.abort(new Error('stopped'))
  await gone
  assert.deepEqual(await sent('p', 'q'), [[], []])
  gives('p', 'a')
  await kept
  assert.deepEqual(await sent('p', 'q'), [[], ['cancel a']])
  // Never sent, so never cancelled.
  const at = new AbortController()
  const unsent = assert.rejects(one.want(cid('b'), at.signal))
  at.abort(new Error('at once'))
  await unsent
  assert.deepEqual(await sent('p', 'q'), [[], []])
  // Sent as one thing, and about to be sent as another.
  const wanted = { cid: cid('c'), key: keyOf(cid('c')) }
  client.peer('q')?.ask(wanted, 'have')
  assert.deepEqual(await sent('q'), [['have c']])
  client.peer('q')?.ask(wanted, 'block')
  client.peer('q')?.cancel(wanted)
  assert.deepEqual(await sent('q'), [['cancel c']])
  assert.equal(client.wantlist().length, 0)
})

test('two callers in one session wait for one want, and the want goes with the last of them', async () => {
  const { client, cid, sent } = await setUp(['p'])
  const wants = session(client)
  const [one, other] = [new AbortController(), new AbortController()]
  const first = assert.rejects(wants.want(cid('a'), one.signal))
  const second = assert.rejects(wants.want(cid('a'), other.signal))
  assert.deepEqual(await sent('p'), [['block a']])
  one.abort(new Error('one'))
  await first
  assert.deepEqual(await sent('p'), [[]])
  other.abort(new Error('other'))
  await second
  assert.deepEqual(await sent('p'), [['cancel a']])
  await assert.rejects(wants.want(cid('a'), other.signal), /other/)
})

test('blocks that come twice, or that nobody asked for, change nothing', async () => {
  const { client, cid, gives, says, sent } = await setUp(['p', 'q'])
  const wants = session(client)
  const a = wants.want(cid('a'))
  await sent('p', 'q')
  gives('p', 'a')
  gives('q', 'a')
  gives('q', 'c')
  says('q', true, 'a', 'c')
  says('nobody', true, 'a')
  await a
  assert.deepEqual(wants.progress, { wants: 0, blocks: 1, bytes: BYTES.length })
  assert.equal(client.wantedCid(keyOf(cid('c'))), undefined)
})

test('a peer that leaves hands its wants to the others; one that comes is asked', async () => {
  const { client, cid, sent, says, gives } = await setUp(['p', 'q'])
  const wants = session(client)
  const a = wants.want(cid('a'))
  await sent('p', 'q')
  says('p', true, 'a')
  says('q', true, 'a')
  await sent('p', 'q')
  client.disconnected('p')
  client.disconnected('p')
  const [, ofQ] = await sent('p', 'q')
  assert.ok((ofQ ?? []).every(text => text === 'block a'))
  client.disconnected('q')
  assert.equal(wants.hasPeers, false)
  client.connected('r')
  assert.deepEqual(await sent('r'), [['block a']])
  gives('r', 'a')
  assert.deepEqual(await a, BYTES)
})

test('a peer that takes nothing is given up', async () => {
  const { client, cid, inbox, sent } = await setUp(['p', 'q'])
  inbox('p').isLost = true
  quiet(session(client).want(cid('a')))
  await sent('p', 'q')
  await new Promise(resolve => setImmediate(resolve))
  assert.deepEqual(client.peers(), ['q'])
})

test('no more wants than a peer remembers are under way; the others follow as blocks come', async () => {
  const { client, inbox } = await setUp(['p'])
  const cids = await cidsOf(WANTS_PER_PEER_MAX + 500)
  const wants = session(client)
  const promises = cids.map(cid => wants.want(cid))
  await settled()
  const under = new Map<string, CID>()
  let most = 0
  let given = 0
  const priorities: number[] = []
  while (given < cids.length) {
    for (const message of inbox('p').messages.splice(0)) {
      assert.ok(message.entries.length <= 1_024)
      for (const entry of message.entries) {
        const cid = CID.decode(Uint8Array.from(entry.cid))
        priorities.push(entry.priority)
        if (entry.type === 'block') under.set(keyOf(cid), cid)
      }
    }
    most = Math.max(most, under.size)
    assert.ok(under.size > 0, `${given} came, and nothing more was asked for`)
    for (const [key, cid] of under) client.received({ cid, key }, BYTES, 'p')
    given += under.size
    under.clear()
    await settled()
  }
  assert.ok(most <= WANTS_PER_PEER_MAX, `${most} at a time`)
  assert.ok(most > 64, `${most} at a time`)
  // What was asked for first is wanted most.
  assert.ok(priorities.every((priority, at) => at === 0 || priority < (priorities[at - 1] ?? 0)))
  await Promise.all(promises)
})

test('a peer that speaks an older protocol is asked for blocks, as it knows nothing else', async () => {
  const { client, cid, inbox, sent } = await setUp(['p', 'q'])
  inbox('q').protocol = BITSWAP_110
  quiet(session(client).want(cid('a')))
  assert.deepEqual(await sent('p', 'q'), [['block a'], ['block a']])
})

test('a session that is closed takes all its wants back, and takes no more', async () => {
  const { client, cid, sent } = await setUp(['p'])
  let searching: AbortSignal | undefined
  const wants = session(client, {
    findProviders: async function* (_, { signal }) {
      searching = signal
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      yield* []
    },
  })
  const waiting = [wants.want(cid('a')), wants.want(cid('b'))].map(promise => assert.rejects(promise, /closed/))
  await sent('p')
  client.presences('p', [{ cid: cid('a').bytes, has: false }])
  wants.close()
  await Promise.all(waiting)
  assert.deepEqual(await sent('p'), [['cancel a', 'cancel b']])
  assert.equal(searching?.aborted, true)
  await assert.rejects(wants.want(cid('c')), /closed/)
})
