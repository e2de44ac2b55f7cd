import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import type { CID } from 'multiformats/cid'
import { GLOBALS_DEFAULT } from '../../src/contract/globals.ts'
import { serveGateway } from '../../src/gateway/gateway.ts'
import { CarImporter } from '../../src/node/dag-import.ts'
import { formatName } from '../../src/node/ipns/name.ts'
import { createRecord } from '../../src/node/ipns/record.ts'
import { publishedKey } from '../../src/node/ipns/stored-names.ts'
import type { Node } from '../../src/node/node.ts'
import { openNode } from '../../src/node/open.ts'
import { createStore } from '../../src/repo/create.ts'
import { generateKey, peerIdBytes } from '../../src/repo/keys.ts'
import { layoutOf, VERSION_TEXT } from '../../src/repo/layout.ts'
import { openRepo } from '../../src/repo/open.ts'
import { writeWhole } from '../../src/repo/replace-file.ts'
import type { Blocks, Config, Repo } from '../../src/repo/roles.ts'
import { type Ask, ask, REQUESTS, ROOTS, type Told } from './gateway/requests.ts'

/** What Kubo 0.44 answered. With KUBO_BIN it is asked again, and RECORD=1 writes its answers down. */
const RECORDED = join(import.meta.dirname, 'gateway/answers.json')
const CONTENT = join(import.meta.dirname, 'gateway/content.car')

interface Recorded {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Short text, or the hash of what is longer or no text. */
  readonly text?: string
  readonly sha256?: string
}

/** What may differ: how the body is cut into pieces, and tags that only their maker understands. */
const FREE = /^(content-length|transfer-encoding|access-control-.*)$/

function recorded({ status, headers, body }: Told): Recorded {
  const kept = Object.entries(headers)
    .filter(([name]) => !FREE.test(name))
    .map(([name, value]) => [name, name === 'etag' ? value.replace(/\.car\.\w+"$/, '.car.…"') : value])
  const text = body.toString('utf8')
  const isText = body.length < 400 && /^[\n\x20-\x7e]*$/.test(text)
  return {
    status,
    headers: Object.fromEntries(kept.sort()),
    ...(isText ? { text } : { sha256: createHash('sha256').update(body).digest('hex') }),
  }
}

let folder: string
let node: Node
const stop = new AbortController()
const bugs: unknown[] = []

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tsipfs-gateway-'))
  const layout = layoutOf(folder)
  await createStore(layout, 'packs')
  await writeWhole(layout.version, VERSION_TEXT)
  await writeWhole(layout.config, '{}')
  const globals = { ...GLOBALS_DEFAULT, offline: true }
  node = openNode(await openRepo(folder, { globals }), { globals })
  const importer = new CarImporter(node.repo, { allowBigBlock: false })
  await importer.add(createReadStream(CONTENT))
  await importer.flush()
})

after(async () => {
  stop.abort()
  await node[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
  assert.deepEqual(bugs, [])
})

/** Serves a gateway with these settings until the test ends. */
async function gateway(
  settings: Config = {},
  options: { readonly node?: Node; readonly signal?: AbortSignal } = {},
): Promise<{ url: string } & AsyncDisposable> {
  const bug = (error: unknown): void => void bugs.push(error)
  const config = { Gateway: settings }
  const server = createServer(serveGateway({ node, signal: stop.signal, config, bug, ...options }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const answers = (existsSync(RECORDED) ? JSON.parse(readFileSync(RECORDED, 'utf8')) : {}) as Record<string, Recorded>
const title = ({ method, path, headers }: Ask): string =>
  `${method} ${path}${headers === undefined ? '' : ` ${JSON.stringify(headers)}`}`

test('answers as Kubo 0.44 does', async () => {
  await using served = await gateway()
  const wrong: string[] = []
  for (const asked of REQUESTS) {
    const told = recorded(await ask(served.url, asked))
    try {
      assert.deepEqual(told, answers[title(asked)])
    } catch (error) {
      wrong.push(`${title(asked)}\n${error instanceof Error ? error.message : String(error)}`)
    }
  }
  assert.equal(wrong.length, 0, wrong.join('\n\n'))
})

const kubo = process.env.KUBO_BIN || undefined
const skip = kubo === undefined ? 'KUBO_BIN names no Kubo' : false

test('the recorded answers are those of Kubo', { skip }, async () => {
  const repo = mkdtempSync(join(tmpdir(), 'tsipfs-gateway-kubo-'))
  const env = { ...process.env, IPFS_PATH: repo }
  const run = (...args: string[]): string => execFileSync(kubo ?? '', args, { env, stdio: 'pipe' }).toString()
  run('init', '--profile=test')
  // It would take "localhost" for a gateway of blocks alone.
  run('config', '--json', 'Gateway.PublicGateways', '{}')
  run('dag', 'import', '--pin-roots=false', CONTENT)
  const daemon = spawn(kubo ?? '', ['daemon', '--offline'], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const over = once(daemon, 'close')
  try {
    for await (const line of createInterface({ input: daemon.stdout })) if (line === 'Daemon is ready') break
    const url = readFileSync(join(repo, 'gateway'), 'utf8')
    const told: Record<string, Recorded> = {}
    for (const asked of REQUESTS) told[title(asked)] = recorded(await ask(url, asked))
    if (process.env.RECORD === '1') writeFileSync(RECORDED, `${JSON.stringify(told, undefined, 2)}\n`)
    else assert.deepEqual(told, answers)
  } finally {
    daemon.kill()
    await over
    rmSync(repo, { recursive: true })
  }
})

test('lists a folder on a small page, with names that stay names', async () => {
  await using served = await gateway()
  const { status, headers, body } = await ask(served.url, { method: 'GET', path: `/ipfs/${ROOTS.tree}/docs/` })
  assert.equal(status, 200)
  assert.equal(headers['content-type'], 'text/html')
  assert.equal(headers['cache-control'], 'public, max-age=604800, stale-while-revalidate=2678400')
  const page = body.toString('utf8')
  assert.ok(page.includes('<a href="./%3Cb%3E%26%22q.txt">&#60;b&#62;&#38;&#34;q.txt</a>'), page)
  assert.ok(page.includes('<a href="./50%25.txt">50%.txt</a>'))
  assert.ok(page.includes('<a href="..">..</a>'))
  const known = await ask(served.url, {
    method: 'GET',
    path: `/ipfs/${ROOTS.tree}/docs/`,
    headers: { 'if-none-match': headers.etag ?? '' },
  })
  assert.equal(known.status, 304)
  const heads = await ask(served.url, { method: 'HEAD', path: `/ipfs/${ROOTS.tree}/docs/` })
  assert.equal(heads.headers.etag, headers.etag)
  const sharded = await ask(served.url, { method: 'GET', path: `/ipfs/${ROOTS.hamt}/` })
  assert.equal(sharded.body.toString('utf8').match(/href=".\/name-\d+"/g)?.length, 100)
})

test('shows a browser a page for errors, unless the config says otherwise', async () => {
  const asked = { method: 'GET', path: `/ipfs/${ROOTS.tree}/%3Cscript%3E`, headers: { accept: 'text/html' } }
  await using pages = await gateway()
  const page = await ask(pages.url, asked)
  assert.equal(page.status, 404)
  assert.equal(page.headers['content-type'], 'text/html')
  assert.ok(!page.body.toString('utf8').includes('<script>'))
  await using lines = await gateway({ DisableHTMLErrors: true })
  assert.equal((await ask(lines.url, asked)).headers['content-type'], 'text/plain; charset=utf-8')
})

test('sends a folder as a tar archive', async () => {
  await using served = await gateway()
  const { headers, body } = await ask(served.url, { method: 'GET', path: `/ipfs/${ROOTS.tree}/docs?format=tar` })
  assert.equal(headers['content-type'], 'application/x-tar')
  const names = execFileSync('tar', ['-tf', '-'], { input: body }).toString().trim().split('\n')
  assert.equal(names.length, 7)
})

test('converts between codecs only where the config allows it', async () => {
  await using served = await gateway({ AllowCodecConversion: true })
  const { status, body } = await ask(served.url, { method: 'GET', path: `/ipfs/${ROOTS.cbor}?format=dag-json` })
  assert.equal(status, 200)
  assert.equal(body.toString('utf8'), '{"hello":"world","link":{"/":"bafkqaaa"}}')
})

test('a gateway without deserialized responses sends only what can be checked', async () => {
  await using served = await gateway({ DeserializedResponses: false })
  const status = async (path: string): Promise<number> => (await ask(served.url, { method: 'GET', path })).status
  assert.equal(await status(`/ipfs/${ROOTS.tree}/hello.txt`), 406)
  assert.equal(await status(`/ipfs/${ROOTS.tree}/hello.txt?format=raw`), 406)
  assert.equal(await status(`/ipfs/${ROOTS.hello}?format=raw`), 200)
  assert.equal(await status(`/ipfs/${ROOTS.tree}/hello.txt?format=car`), 200)
  assert.equal(await status(`/ipfs/${ROOTS.tree}?format=tar`), 406)
})

test('follows the config: root, headers, size of files for ranges, hosts', async () => {
  await using served = await gateway({
    RootRedirect: '/ipfs/bafkqaaa',
    HTTPHeaders: { 'X-Here': ['a', 'b'], 'Access-Control-Allow-Origin': ['https://a.example'] },
    MaxRangeRequestFileSize: '600B',
    PublicGateways: { 'gw.example': { Paths: ['/ipfs'], UseSubdomains: true }, localhost: null },
  })
  const root = await ask(served.url, { method: 'GET', path: '/' })
  assert.deepEqual([root.status, root.headers.location], [302, '/ipfs/bafkqaaa'])
  assert.equal(root.headers['x-here'], 'a, b')
  assert.equal(root.headers['access-control-allow-origin'], 'https://a.example')
  const range = { method: 'GET', path: `/ipfs/${ROOTS.tree}/big.bin`, headers: { range: 'bytes=0-1' } }
  assert.equal((await ask(served.url, range)).status, 501)
  const local = { method: 'GET', path: `/ipfs/${ROOTS.hello}`, headers: { host: 'localhost' } }
  assert.equal((await ask(served.url, local)).status, 200)
  const sub = await ask(served.url, { ...local, headers: { host: 'gw.example' } })
  assert.equal(sub.headers.location, `http://${ROOTS.hello}.ipfs.gw.example/`)
})

/** A node whose blocks come only once `ready` has resolved for them. */
function waitingNode(ready: (cid: CID) => Promise<void>): Node {
  const { blocks } = node
  const get: Blocks['get'] = async (cid, options) => {
    const { signal } = options ?? {}
    const aborted = new Promise<never>((_, reject) => {
      if (signal?.aborted === true) reject(signal.reason)
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    await Promise.race([ready(cid), aborted])
    return await blocks.get(cid, options)
  }
  const waiting: Blocks = {
    has: cid => blocks.has(cid),
    stat: cid => blocks.stat(cid),
    statMany: cids => blocks.statMany(cids),
    put: async () => assert.fail('a gateway only reads'),
    delete: async () => assert.fail('a gateway only reads'),
    flush: async () => undefined,
    protect: async () => [],
    list: () => blocks.list(),
    get,
    async *getMany(cids, options) {
      for await (const cid of cids) yield { cid, bytes: await get(cid, options) }
    },
  }
  const nothing = async (): Promise<void> => undefined
  // All else is that of the repo.
  const repo: Repo = Object.create(node.repo, { blocks: { value: waiting }, [Symbol.asyncDispose]: { value: nothing } })
  return {
    repo,
    blocks: waiting,
    globals: node.globals,
    network: async () => assert.fail('the network is not asked'),
    [Symbol.asyncDispose]: nothing,
  }
}

test('turns requests away beyond its limit, and takes the next one when there is room', async () => {
  const gate = Promise.withResolvers<void>()
  await using served = await gateway({ MaxConcurrentRequests: 2 }, { node: waitingNode(() => gate.promise) })
  const hello = { method: 'GET', path: `/ipfs/${ROOTS.hello}` }
  const first = [ask(served.url, hello), ask(served.url, hello)]
  // Two are at work when a third is turned away, whichever that is.
  const third = await Promise.race([...first, ask(served.url, hello)])
  assert.equal(third.status, 429)
  assert.deepEqual([third.headers['retry-after'], third.headers['cache-control']], ['60', 'no-store'])
  gate.resolve()
  await Promise.all(first)
  assert.equal((await ask(served.url, hello)).status, 200)
})

test('content that does not come in time is 504; an answer that had begun is cut off', async () => {
  const never = new Promise<void>(() => undefined)
  const settings = { RetrievalTimeout: '200ms' }
  let reads = 0
  await using served = await gateway(settings, { node: waitingNode(() => (reads++ < 3 ? Promise.resolve() : never)) })
  await assert.rejects(ask(served.url, { method: 'GET', path: `/ipfs/${ROOTS.tree}/big.bin` }), /aborted|hang up/)
  const late = await ask(served.url, { method: 'GET', path: `/ipfs/${ROOTS.hello}` })
  assert.equal(late.status, 504)
  assert.match(late.body.toString(), /Unable to retrieve content within timeout period/)
})

test('a client that goes away, or a daemon that stops, ends the work', async () => {
  const begun = Promise.withResolvers<void>()
  const never = new Promise<void>(() => undefined)
  const stopping = new AbortController()
  const waiting = waitingNode(() => {
    begun.resolve()
    return never
  })
  await using served = await gateway({ MaxConcurrentRequests: 1 }, { node: waiting, signal: stopping.signal })
  const { hostname, port } = new URL(served.url)
  const client = connect(Number(port), hostname)
  client.write(`GET /ipfs/${ROOTS.hello} HTTP/1.1\r\nHost: a\r\n\r\n`)
  await begun.promise
  client.destroy()
  await once(client, 'close')
  // Its place is free once its going was noticed.
  let last = { status: 429 }
  const asking = async (): Promise<void> => {
    while (last.status === 429) last = await ask(served.url, { method: 'GET', path: `/ipfs/${ROOTS.hello}` })
  }
  const asked = asking()
  stopping.abort(new DOMException('the daemon is stopping', 'AbortError'))
  await asked
  assert.equal(last.status, 504)
})

test('follows names, keeps what they say for as long as they say, and hands out their records', async () => {
  const key = await generateKey('ed25519')
  const name = peerIdBytes(key.publicKey)
  const text = formatName(name)
  const record = await createRecord(key, {
    value: `/ipfs/${ROOTS.tree}`,
    sequence: 1n,
    validUntilMs: Date.now() + 3_600_000,
    ttlMs: 90_000,
    v1compat: true,
  })
  await node.repo.values.put(publishedKey(name), record.bytes)
  await using served = await gateway()
  const file = await ask(served.url, { method: 'GET', path: `/ipns/${text}/hello.txt` })
  assert.deepEqual([file.status, file.body.toString()], [200, 'hello\n'])
  assert.equal(file.headers['cache-control'], 'public, max-age=90')
  const listing = await ask(served.url, { method: 'GET', path: `/ipns/${text}/` })
  assert.equal(listing.headers['cache-control'], 'public, max-age=90, stale-while-revalidate=2678400')
  const host = { host: `${text}.ipns.localhost:8080` }
  assert.equal((await ask(served.url, { method: 'GET', path: '/hello.txt', headers: host })).status, 200)
  const raw = await ask(served.url, { method: 'GET', path: `/ipns/${text}?format=ipns-record` })
  assert.equal(raw.headers['content-type'], 'application/vnd.ipfs.ipns-record')
  assert.deepEqual(Uint8Array.from(raw.body), record.bytes)
  const known = { 'if-none-match': raw.headers.etag ?? '' }
  const again = await ask(served.url, { method: 'GET', path: `/ipns/${text}?format=ipns-record`, headers: known })
  assert.equal(again.status, 304)
})

test('malformed requests are answered, and harm nothing', async () => {
  await using served = await gateway()
  const random = randomFrom(0x6a7e)
  const parts = [
    '/ipfs/',
    '/ipns/',
    ROOTS.tree,
    'bafk',
    '..',
    '%',
    '%00',
    '%ff',
    '//',
    '?format=',
    '&',
    'car',
    'raw',
    'dag-json',
    '?uri=',
    'ipfs%3A%2F%2F',
    '#',
    '\u00e9',
    ' ',
    ':',
    '?entity-bytes=',
    '-1:',
    '99999999999999999999',
    '\\',
    '_redirects',
    '.',
    '\x7f',
    'Qm',
    'k51',
    ROOTS.old,
  ]
  const pick = (): string => parts[random() % parts.length] ?? ''
  const headers = ['range', 'accept', 'if-none-match', 'if-range', 'if-modified-since', 'x-forwarded-host', 'host']
  const values = [
    'bytes=',
    '-',
    'bytes=0-0,',
    'application/vnd.ipld.car;',
    ';=',
    'W/"',
    '"',
    '*',
    `${ROOTS.tree}.ipfs.localhost`,
    'a..b',
    '[::1]:99',
    'localhost',
    'x'.repeat(2000),
    'Sun, 99 Foo',
    ', ,',
  ]
  for (let count = 0; count < 400; count++) {
    const path = `/${Array.from({ length: 1 + (random() % 6) }, pick).join('')}`
    const line = Buffer.from(
      `GET ${path.replace(/[ \n\r]/g, '')} HTTP/1.1\r\nHost: ${values[random() % 12]}\r\nConnection: close\r\n` +
        `${headers[random() % headers.length]}: ${values[random() % values.length]}\r\n\r\n`,
    )
    const text = await exchangeRaw(served.url, line)
    assert.match(text, /^HTTP\/1\.1 [2345]\d\d /, `${line}\n${text}`)
    assert.doesNotMatch(text, /a bug in tsipfs/, String(line))
  }
})

/** Sends bytes as they are, and returns the beginning of what came back. */
function exchangeRaw(url: string, bytes: Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    let text = ''
    socket.on('data', chunk => {
      if (text.length < 100_000) text += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
}

/** Returns a source of numbers that is the same every time. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state >>> 8
  }
}
