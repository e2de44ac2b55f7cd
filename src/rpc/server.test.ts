import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { type Call, type Command, defineCommand, type Executor } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { GLOBALS_DEFAULT } from '../contract/globals.ts'
import {
  argument,
  argumentList,
  choice,
  files,
  flag,
  int,
  optionalArgument,
  type Params,
  text,
  texts,
} from '../contract/params.ts'
import type { SourceEntry } from '../contract/source.ts'
import { remoteExecutor } from './client.ts'
import { policyOf } from './guard.ts'
import { serveRpc } from './server.ts'

/** What the commands below saw, for the tests to look at. */
const seen: { aborted: unknown[]; produced: number; bugs: unknown[] } = { aborted: [], produced: 0, bugs: [] }
let gate = Promise.withResolvers<void>()

const echo = defineCommand({
  path: 'echo all',
  summary: 'Say what was understood',
  needs: 'nothing',
  output: 'value',
  params: {
    first: optionalArgument('first', 'f'),
    rest: argumentList('rest', 'r', { stdin: true }),
    isOn: flag('on', { short: 'o' }),
    pin: flag('pin', { initial: true }),
    rawLeaves: choice('raw'),
    size: int('size', { initial: 5, min: 1 }),
    name: text('name', { aliases: ['title'] }),
    tag: texts('tag'),
    shown: flag('shown', { caller: true }),
  },
  check(input) {
    if (input.name === 'bad') throw new Failure('usage', 'bad name')
    if (input.name === 'worse') throw new Failure('usage', 'worse name', { badRequest: true })
  },
  async *run(input, { globals }) {
    yield { ...input, offline: globals.offline, base: globals.cidBase ?? null, lookup: globals.lookupTimeoutMs }
  },
  async render(outputs, { out }) {
    for await (const { rest } of outputs) await out.write(`text of ${rest.join('+')}\n`)
  },
})

const topic = defineCommand({
  path: 'topic',
  summary: 'Take bytes',
  needs: 'nothing',
  params: { topic: argument('topic', 't', { wire: 'multibase' }) },
  async *run(input, { answer, signal }) {
    answer?.begin()
    const stopped = once(signal, 'abort').catch(() => undefined)
    await gate.promise
    yield { topic: input.topic }
    await stopped
    seen.aborted.push(signal.reason)
  },
})

const put = defineCommand({
  path: 'put',
  summary: 'Take files',
  needs: 'nothing',
  params: { data: files('data', 'd', { folders: true }) },
  async *run(_, { source }) {
    for await (const entry of source) {
      let size = 0
      for await (const chunk of entry.content?.() ?? []) size += chunk.length
      const { path, type, mode, target, localPath } = entry
      yield { path, type, size, ...(mode && { mode }), ...(target && { target }), ...(localPath && { localPath }) }
    }
  },
})

const bytes = defineCommand({
  path: 'bytes',
  summary: 'Give bytes',
  needs: 'nothing',
  output: 'bytes',
  params: { count: int('count', { initial: 3 }) },
  async *run({ count }, { answer }) {
    answer?.length(count * 65_536)
    for (seen.produced = 0; seen.produced < count; seen.produced++) {
      // Each round through the loop lets the connection say that it is full.
      await new Promise(resolve => setImmediate(resolve))
      yield new Uint8Array(65_536)
    }
  },
})

const fail = defineCommand({
  path: 'fail',
  summary: 'Fail',
  needs: 'nothing',
  params: { after: int('after', { initial: 0 }), kind: text('kind', { initial: 'not-found' }) },
  async *run({ after: count, kind }, { signal }) {
    for (let index = 0; index < count; index++) yield { index }
    if (kind === 'bug') throw new TypeError('oops')
    if (kind === 'hang') await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    throw new Failure(kind as 'not-found', 'é is not there', { hint: 'look “elsewhere”', data: { cid: 'Qm' } })
  },
})

/** Keeps its thread from everything else, timers too. */
const busy = defineCommand({
  path: 'busy',
  summary: 'Take long',
  needs: 'nothing',
  params: { ms: int('ms', { initial: 0 }), isSilent: flag('silent') },
  async *run({ ms, isSilent }) {
    const begun = performance.now()
    while (performance.now() - begun < ms);
    if (!isSilent) yield { ms }
  },
})

const local = defineCommand({
  path: 'local',
  summary: 'Stay here',
  needs: 'nothing',
  localOnly: true,
  params: {},
  async *run() {
    yield {}
  },
})

const all = [echo, topic, put, bytes, fail, busy, local] as unknown as Command[]
const commands = Object.fromEntries(all.map(command => [command.path, async () => command]))
const executor: Executor = {
  execute: (command, call) => command.run(call.input, { ...call, node: undefined as never, repoPath: '' }),
  async [Symbol.asyncDispose]() {},
}
const stopping = new AbortController()
const servers: Server[] = []
let folder = ''
let socketPath = ''
let origin = ''
let tcpAddress = ''

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rpc-'))
  socketPath = join(folder, 's')
  const policy = policyOf({ HTTPHeaders: { 'X-Mine': ['yes'], 'Access-Control-Allow-Origin': ['http://friend:80'] } })
  const options = { commands, executor, policy, agent: 'test', signal: stopping.signal }
  const listener = serveRpc({ ...options, bug: error => seen.bugs.push(error) })
  for (const isOwn of [true, false]) {
    const door = { isOwn, port: undefined as number | undefined }
    const server = createServer(listener(door))
    if (isOwn) server.listen(socketPath)
    else server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    servers.push(server)
    if (!isOwn) door.port = (server.address() as AddressInfo).port
    if (!isOwn) origin = `http://127.0.0.1:${door.port}`
    if (!isOwn) tcpAddress = `/ip4/127.0.0.1/tcp/${door.port}`
  }
})

after(async () => {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
  await rm(folder, { recursive: true })
})

function call<P extends Params>(command: Command<P>, input: object, extra: Partial<Call<Params>> = {}): Call<P> {
  const initial = Object.entries(command.params).flatMap(([key, param]) =>
    param.place === 'option' ? [[key, param.initial]] : [],
  )
  const { input: _, ...rest } = {
    source: none(),
    globals: GLOBALS_DEFAULT,
    signal: AbortSignal.timeout(20_000),
    ...extra,
  }
  return { ...rest, input: { ...Object.fromEntries(initial), ...input } as never }
}

async function* none(): AsyncGenerator<SourceEntry> {}

async function* entriesOf(...entries: SourceEntry[]): AsyncGenerator<SourceEntry> {
  yield* entries
}

const recordOf = async (response: Response) => (await response.json()) as Record<string, unknown>
const post = (path: string, init: RequestInit = {}) => fetch(`${origin}/api/v0/${path}`, { method: 'POST', ...init })
const overSocket = () => remoteExecutor({ address: `/unix${socketPath}` })
const overTcp = () => remoteExecutor({ address: tcpAddress })

test('input and globals arrive as they were given', async () => {
  const input = {
    first: 'a=&b c%',
    rest: ['\udcff', 'é'],
    isOn: true,
    pin: false,
    rawLeaves: false,
    size: 7,
    name: '',
    tag: ['x', 'y,z'],
  }
  const globals = { ...GLOBALS_DEFAULT, offline: true, cidBase: 'base36', lookupTimeoutMs: 1_500 }
  for (const remote of [overSocket(), overTcp()]) {
    const outputs = await Array.fromAsync(remote.execute(echo, call(echo, { ...input, shown: true }, { globals })))
    const extra = { shown: false, offline: true, base: 'base36', lookup: 1_500 }
    assert.deepEqual(outputs, [{ ...input, ...extra }])
  }
  const [plain] = await Array.fromAsync(overSocket().execute(echo, call(echo, { rest: ['a'] })))
  assert.deepEqual(
    { ...plain },
    { rest: ['a'], isOn: false, pin: true, size: 5, tag: [], shown: false, offline: false, base: null, lookup: 60_000 },
  )
})

test('a query is read as Kubo reads it', async () => {
  const ask = async (query: string) => (await post(`echo/all?${query}`)).json() as Promise<Record<string, unknown>>
  const one = await ask('arg=a&o=1&title=t&tag=1&tag=2&unknown=x&enc=json&stream-channels=true&raw-leaves')
  assert.deepEqual(
    [one.first, one.rest, one.isOn, one.name, one.tag, one.rawLeaves],
    [undefined, ['a'], true, 't', ['1', '2'], true],
  )
  assert.deepEqual((await ask('arg=a&arg=b+c')).rest, ['b c'])
  assert.deepEqual((await recordOf(await post('echo/all/word'))).rest, ['word'])
  assert.equal(await (await post('echo/all?arg=a&encoding=text')).text(), 'text of a\n')
  const bad = [
    '',
    'arg=a&size=x',
    'arg=a&o=maybe',
    'arg=a&name=1&name=2',
    'arg=%zz',
    'arg=a&enc=foo',
    'arg=a&timeout=1',
  ]
  for (const query of bad) assert.equal((await post(`echo/all?${query}`)).status, 400, query)
  const checked = await post('echo/all?arg=a&name=bad')
  assert.equal(checked.status, 500)
  assert.deepEqual(await checked.json(), { Message: 'bad name', Code: 0, Type: 'error', kind: 'usage' })
  const refused = await post('echo/all?arg=a&name=worse')
  assert.equal(refused.status, 400)
  assert.deepEqual(await refused.json(), { Message: 'worse name', Code: 1, Type: 'error', kind: 'usage' })
  assert.equal((await post('echo/all?arg=a&size=0')).status, 500)
})

test('arguments that are left out, or too many for a query, travel in the body', async () => {
  const form = new FormData()
  form.append('file', new Blob(['one\ntwo\n']), 'stdin')
  assert.deepEqual((await recordOf(await post('echo/all', { body: form }))).rest, ['one', 'two'])
  // Kubo's own client sends the first one as an argument.
  assert.deepEqual((await recordOf(await post('echo/all?arg=first&arg=zero', { body: form }))).rest, [
    'zero',
    'one',
    'two',
  ])
  const rest = Array.from({ length: 20_000 }, (_, index) => `word-${index}`)
  const [output] = await Array.fromAsync(overSocket().execute(echo, call(echo, { rest })))
  assert.deepEqual(output?.rest, rest)
})

test('one value, a sequence, bytes and nothing have Kubo’s headers', async () => {
  const value = await post('echo/all?arg=a')
  assert.equal(value.headers.get('content-type'), 'application/json')
  assert.equal(value.headers.get('x-chunked-output'), null)
  assert.equal(value.headers.get('trailer'), 'X-Stream-Error')
  assert.equal(value.headers.get('vary'), 'Origin')
  assert.equal(value.headers.get('x-mine'), 'yes')
  assert.equal(
    value.headers.get('access-control-expose-headers'),
    'X-Stream-Output, X-Chunked-Output, X-Content-Length',
  )
  const raw = await post('bytes?count=2')
  assert.equal(raw.headers.get('content-type'), 'text/plain')
  assert.equal(raw.headers.get('x-stream-output'), '1')
  assert.equal(raw.headers.get('x-content-length'), '131072')
  assert.equal((await raw.bytes()).length, 131_072)
  const empty = await post('put', { body: new FormData() })
  assert.equal(empty.headers.get('x-chunked-output'), '1')
  assert.equal(await empty.text(), '')
})

test('failures come out as they went in, before output and after', async () => {
  for (const after of [0, 3]) {
    const outputs: unknown[] = []
    const run = async () => {
      for await (const output of overSocket().execute(fail, call(fail, { after }))) outputs.push(output)
    }
    const expected = { kind: 'not-found', message: 'é is not there', hint: 'look “elsewhere”' }
    await assert.rejects(run(), expected)
    assert.equal(outputs.length, after)
  }
  const response = await post('fail')
  assert.equal(response.status, 500)
  assert.equal(
    await response.text(),
    '{"Message":"é is not there","Code":0,"Type":"error","kind":"not-found","hint":"look “elsewhere”","data":{"cid":"Qm"}}\n',
  )
  await assert.rejects(Array.fromAsync(overSocket().execute(fail, call(fail, { kind: 'bug' }))), { kind: 'bug' })
  assert.match(String(seen.bugs[0]), /oops/)
  for (const late of ['fail?kind=hang&timeout=20ms', 'busy?ms=30&timeout=5ms', 'busy?ms=30&silent=true&timeout=5ms']) {
    const response = await post(late)
    assert.equal(response.status, 500)
    assert.match(String((await recordOf(response)).Message), /context deadline exceeded/)
  }
  assert.equal((await post('busy?ms=30&timeout=10s')).status, 200)
})

test('headers go out when the work begins, and a client that leaves ends it', async () => {
  gate = Promise.withResolvers()
  const leaving = new AbortController()
  const response = await post('topic?arg=uw6k', { signal: leaving.signal })
  assert.equal(response.status, 200)
  gate.resolve()
  const reader = response.body?.getReader()
  assert.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), '{"topic":"é"}\n')
  leaving.abort()
  while (seen.aborted.length < 1) await new Promise(resolve => setImmediate(resolve))
  const refused = await post('topic?arg=%3Ffoo')
  assert.equal(refused.status, 500)
  assert.match(await refused.text(), /"URL arg must be multibase encoded: selected encoding not supported"/)
  const stop = new AbortController()
  const run = async () => {
    for await (const output of overSocket().execute(topic, call(topic, { topic: 'b' }, { signal: stop.signal }))) {
      assert.deepEqual(output, { topic: 'b' })
      stop.abort(new Failure('interrupted', 'mine'))
    }
  }
  await assert.rejects(run(), { message: 'mine' })
  for await (const _ of overSocket().execute(topic, call(topic, { topic: 'b' }))) break
  while (seen.aborted.length < 3) await new Promise(resolve => setImmediate(resolve))
})

test('files travel both ways at once', async () => {
  const content = Promise.withResolvers<void>()
  async function* slow(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a')
    await content.promise
    yield Buffer.from('b')
  }
  const source = entriesOf(
    {
      path: 'first',
      type: 'file',
      mode: 0o600,
      localPath: '/tmp/first',
      content: async function* () {
        yield Buffer.from('xyz')
      },
    },
    { path: 'dir/link', type: 'symlink', target: 'there' },
    { path: 'slow', type: 'file', content: slow },
  )
  const outputs: unknown[] = []
  for await (const output of overSocket().execute(put, call(put, {}, { source }))) {
    outputs.push(output)
    // The answer to the first file is here while the third is still being sent.
    content.resolve()
  }
  assert.deepEqual(outputs, [
    { path: 'first', type: 'file', size: 3, mode: 0o600, localPath: '/tmp/first' },
    { path: 'dir', type: 'directory', size: 0 },
    { path: 'dir/link', type: 'symlink', size: 0, mode: 0o777, target: 'there' },
    { path: 'slow', type: 'file', size: 2 },
  ])
  const overNet = entriesOf({ path: 'f', type: 'file', localPath: '/etc/passwd', content: slow })
  assert.deepEqual(await Array.fromAsync(overTcp().execute(put, call(put, {}, { source: overNet }))), [
    { path: 'f', type: 'file', size: 2 },
  ])
})

test('a body with a length arrives whole, short or long, on a connection that is used again', async () => {
  const connection = connect(socketPath)
  const answers: string[] = []
  for (const length of [0, 3, 16_000, 100_000]) {
    const body =
      '--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\nContent-Type: text/plain\r\n\r\n' +
      `${'a'.repeat(length)}\r\n--x--\r\n`
    connection.write(
      'POST /api/v0/put HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n' +
        `Content-Length: ${body.length}\r\n\r\n${body.slice(0, 20)}`,
    )
    connection.write(body.slice(20))
    let answer = ''
    while (!answer.includes('\r\n0\r\n')) answer += String((await once(connection, 'data'))[0])
    answers.push(answer.match(/"size":\d+/)?.[0] ?? answer)
  }
  connection.destroy()
  assert.deepEqual(answers, ['"size":0', '"size":3', '"size":16000', '"size":100000'])
})

test('a client that leaves within a short body is no bug', async () => {
  const bugs = seen.bugs.length
  const connection = connect(socketPath)
  const head =
    'POST /api/v0/put HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n' +
    'Content-Length: 500\r\n\r\n--x\r\n'
  connection.end(head)
  await once(connection.resume(), 'close')
  assert.equal(seen.bugs.length, bugs)
})

test('what the caller’s own files fail with is what the caller hears', async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('a')
    throw new Failure('not-found', 'x: no such file')
  }
  const source = entriesOf({ path: 'x', type: 'file', content: broken })
  await assert.rejects(Array.fromAsync(overSocket().execute(put, call(put, {}, { source }))), {
    message: 'x: no such file',
  })
})

test('an answer arrives although the upload goes on', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(65_536)
  }
  const refusing = defineCommand({ ...put, path: 'fail', params: { data: files('data', 'd') } })
  for (const remote of [overSocket(), overTcp()]) {
    const source = entriesOf({ path: 'x', type: 'file', content: endless })
    await assert.rejects(Array.fromAsync(remote.execute(refusing, call(refusing, {}, { source }))), {
      kind: 'not-found',
    })
  }
})

test('a reader that is slow holds the work back', async () => {
  const asking = request({ socketPath, path: '/api/v0/bytes?count=4000', method: 'POST' })
  asking.end()
  const [response] = await once(asking, 'response')
  let produced = -1
  while (produced !== seen.produced) {
    produced = seen.produced
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  assert.ok(produced < 200, `${produced} chunks were produced for nobody`)
  let size = 0
  for await (const chunk of response) size += chunk.length
  assert.equal(size, 4_000 * 65_536)
})

test('other methods, unknown commands and foreign pages are turned away', async () => {
  const get = await fetch(`${origin}/api/v0/echo/all?arg=a`)
  assert.deepEqual([get.status, get.headers.get('allow')], [405, 'OPTIONS, POST'])
  for (const path of ['nope', 'echo', '', 'local', 'constructor', 'echo%2Fall/x/y', '%zz']) {
    const response = await post(path)
    assert.deepEqual([response.status, await response.text()], [404, '404 page not found\n'], path)
  }
  const status = async (headers: Record<string, string>) => {
    const asking = request(`${origin}/api/v0/echo/all?arg=a`, { method: 'POST', headers })
    asking.end()
    const [response] = await once(asking, 'response')
    response.resume()
    return response.statusCode
  }
  assert.equal(await status({ Origin: 'http://evil.example' }), 403)
  assert.equal(await status({ Origin: 'null' }), 403)
  assert.equal(await status({ Origin: origin.replace(/\d+$/, '1') }), 403)
  assert.equal(await status({ Referer: 'http://evil.example/x' }), 403)
  assert.equal(await status({ 'User-Agent': 'Mozilla/5.0' }), 403)
  assert.equal(await status({ Host: 'evil.example' }), 403)
  assert.equal(await status({ Host: 'localhost:1', Origin: origin }), 200)
  assert.equal(await status({ Host: 'friend', Origin: 'http://friend:80' }), 200)
  assert.equal(await status({ Referer: `${origin}/webui`, 'User-Agent': 'Mozilla/5.0' }), 200)
  const ask = { 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' }
  const options = (from: string) =>
    fetch(`${origin}/api/v0/add`, { method: 'OPTIONS', headers: { ...ask, Origin: from } })
  const foreign = await options('http://evil.example')
  assert.deepEqual([foreign.status, foreign.headers.get('access-control-allow-origin')], [204, null])
  const own = await options(origin)
  assert.deepEqual([own.status, own.headers.get('access-control-allow-origin')], [204, origin])
})

test('what odd clients write is read as Go reads it', async () => {
  const raw = async (line: string, ...headers: string[]): Promise<string> => {
    const socket = connect(socketPath)
    socket.end(`${line}\r\n${['Connection: close', 'Content-Length: 0', ...headers].join('\r\n')}\r\n\r\n`)
    return Buffer.concat(await Array.fromAsync(socket)).toString()
  }
  // Proxies speak HTTP/1.0, which has no trailers.
  assert.match(await raw('POST /api/v0/echo/all?arg=a HTTP/1.0'), /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\n\{.*"a"/)
  assert.match(await raw('POST http://node:5001/api/v0/echo/all?arg=a HTTP/1.1', 'Host: node'), /^HTTP\/1.1 200 OK/)
  assert.match(
    await raw('POST /api/v0//echo/all?arg=a HTTP/1.1', 'Host: node'),
    / 307 [\s\S]*Location: \/api\/v0\/echo\/all\?arg=a\r/,
  )
  assert.match(await raw('GET /api/v0 HTTP/1.1', 'Host: node'), / 307 [\s\S]*Location: \/api\/v0\/\r/)
  assert.deepEqual((await recordOf(await post('echo/all/?arg=a'))).rest, ['a'])
  assert.equal((await post('topic?arg=uYQ&arg=more&encoding=text&stream-channels=x')).status, 400)
  const text = await post('echo/all?arg=a&encoding=text')
  assert.deepEqual([text.headers.get('x-stream-output'), text.headers.get('content-type')], [null, 'text/plain'])
  const readable = await fetch(`${origin}/api/v0/nope`, { method: 'POST', headers: { Origin: origin } })
  assert.deepEqual([readable.status, readable.headers.get('access-control-allow-origin')], [404, origin])
})

test('nobody there, and a connection that breaks, are network failures', async () => {
  const nobody = remoteExecutor({ address: `/unix${folder}/none` })
  await assert.rejects(Array.fromAsync(nobody.execute(echo, call(echo, { rest: ['a'] }))), {
    kind: 'network',
    hint: /daemon/,
  })
  const closed = remoteExecutor({ address: '/ip4/127.0.0.1/tcp/1' })
  await assert.rejects(Array.fromAsync(closed.execute(echo, call(echo, { rest: ['a'] }))), { kind: 'network' })
  const cutting = createServer((_, response) => {
    response.write('{"a":1}\n')
    response.write('{"a"', () => response.destroy())
  })
  cutting.listen(join(folder, 'c'))
  await once(cutting, 'listening')
  const cut = remoteExecutor({ address: `/unix${folder}/c` })
  await assert.rejects(Array.fromAsync(cut.execute(echo, call(echo, { rest: ['a'] }))), {
    kind: 'network',
    message: /cut off/,
  })
  cutting.close()
  for (const address of ['nonsense', '/ip4/127.0.0.1', '/ip4/1.2.3.4/udp/1', 'http://x:99999']) {
    assert.throws(() => remoteExecutor({ address }), { kind: 'usage' }, address)
  }
})

test('what is no HTTP costs its own connection only', async () => {
  for (const garbage of ['\0\x01\x02\r\n\r\n', `GET / HTTP/1.1\r\nX: ${'a'.repeat(200_000)}\r\n\r\n`]) {
    const socket = connect(socketPath)
    socket.on('error', () => undefined)
    socket.end(garbage)
    socket.resume()
    await new Promise(resolve => socket.once('close', resolve))
  }
  assert.equal((await post('echo/all?arg=a')).status, 200)
})

test('what is asked once the daemon stops is refused, on an open connection too, though its answer would be there', async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask = async (): Promise<string> => {
    const asked = request({ socketPath, agent, method: 'POST', path: '/api/v0/echo/all?arg=a' }).end()
    const [response] = await once(asked, 'response')
    return `${response.statusCode} ${await textOf(response)}`
  }
  assert.match(await ask(), /^200 .*"rest":\["a"\]/)
  stopping.abort(new DOMException('stopping', 'AbortError'))
  assert.match(await ask(), /^500 .*the node is stopping/)
  await assert.rejects(Array.fromAsync(overTcp().execute(echo, call(echo, { first: 'a' }))), { kind: 'interrupted' })
  agent.destroy()
})
