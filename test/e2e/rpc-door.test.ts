/** The door of the RPC against those who mean no good: whatever comes, the daemon lives, and stays small. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ended, Place, printed, type Running, seeded } from './program.ts'

const HEADER_BYTES_MAX = 256 * 1024
const ROUNDS = 400
const GROWTH_BYTES_MAX = 240 * 1024 * 1024

interface Target {
  readonly place: Place
  readonly port: number
  readonly child: Running
  /** Memory that the daemon holds now. */
  resident(): number
  /** Ends it; it must not have spoken of a bug. */
  finish(): Promise<void>
}

async function daemon(): Promise<Target> {
  const place = new Place()
  await place.ok(['init', '--profile=test'])
  writeFileSync(place.path('big'), seeded(32 << 20, 7))
  const child = place.start(['daemon', '--offline'])
  const over = ended(child, { timeoutMs: 120_000 })
  await printed(child, /Daemon is ready/)
  return {
    place,
    child,
    port: Number(/\d+$/.exec(readFileSync(join(place.repo, 'api'), 'utf8'))?.[0]),
    resident: () => Number(/VmRSS:\s*(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024,
    async finish() {
      child.kill()
      const { status, stderr } = await over
      place[Symbol.dispose]()
      assert.deepEqual([status, stderr], [0, ''])
    },
  }
}

/** Sends bytes, and resolves with the beginning of what came back once the connection is closed, or `until` is there. */
function speak(port: number, bytes: Uint8Array | string, until?: RegExp): Promise<string> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    const finish = (): void => {
      socket.destroy()
      resolve(text)
    }
    // An answer, or a closed door: a third would be silence.
    socket.setTimeout(10_000, () => {
      text = `silence after: ${Buffer.from(bytes).toString('latin1').slice(0, 500)}`
      finish()
    })
    socket.on('data', chunk => {
      if (text.length < 10_000) text += chunk.toString('latin1')
      if (until?.test(text) === true) finish()
    })
    socket.on('error', finish)
    socket.on('close', finish)
  })
}

async function answers(port: number): Promise<void> {
  const text = await speak(port, 'POST /api/v0/version HTTP/1.1\r\nHost: a.localhost\r\nConnection: close\r\n\r\n')
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
}

/** Returns a source of numbers that is the same every time. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

test('headers are at most 256 KiB', async () => {
  const target = await daemon()
  const large = `POST /api/v0/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Large: ${'x'.repeat(HEADER_BYTES_MAX)}\r\n\r\n`
  assert.match(await speak(target.port, large), /^HTTP\/1\.1 431 |^$/)
  const fits = large.replace('x'.repeat(HEADER_BYTES_MAX), 'x'.repeat(HEADER_BYTES_MAX / 2))
  assert.match(await speak(target.port, fits), /^HTTP\/1\.1 200 /)
  const line = `POST /api/v0/version?arg=${'y'.repeat(HEADER_BYTES_MAX)} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  assert.match(await speak(target.port, line, /\r\n\r\n/), /^HTTP\/1\.1 4\d\d |^$/)
  await answers(target.port)
  await target.finish()
})

const PATHS = [
  'add',
  'cat',
  'block/put',
  'block/get',
  'dag/put',
  'dag/import',
  'files/write',
  'files/ls',
  'pin/add',
  'refs',
  'get',
  'ls',
  'resolve',
  'key/import',
  'config',
  'pubsub/pub',
  'repo/stat',
  'cid/format',
  'name/resolve',
  'log/level',
  'object/put',
  '',
  '..',
  '%2e%2e/id',
  'cat/',
  'cat/bafkqaaa',
  '//',
  'commands',
  'multibase/decode',
]
const QUERIES = [
  'arg=bafkqaaa',
  'arg=%zz',
  'arg=%00',
  'arg=/ipfs/bafkqaaa/%ff',
  'arg=',
  'arg',
  '&&',
  '=',
  'timeout=1s',
  'timeout=x',
  'timeout=-5s',
  'timeout=99999999999h',
  'offset=-1',
  'length=99999999999999999999',
  'encoding=text',
  'encoding=json',
  'enc=xml',
  'recursive=maybe',
  'chunker=size-0',
  'chunker=rabin-1-2-3',
  'hash=none',
  'cid-version=7',
  '__proto__=1',
  'constructor=1',
  'toString=1',
  'stdin-name=..',
  'to-files=/../x',
  'create=true',
  'format=v9',
  'mhtype=x',
  'store-codec=x',
  'input-codec=',
  'cid-base=base99',
  'unknown=1',
  `arg=${'a'.repeat(3000)}`,
  'arg=f%0a%0d',
  'arg=u____',
]
const BODIES = [
  '',
  '0',
  '\0\0\0\0',
  '--b',
  '--b--',
  '--b\r\n\r\n',
  '--b\r\nContent-Disposition: form-data; name="file"; filename="%zz"\r\n\r\nx\r\n--b--\r\n',
  '--b\r\nContent-Disposition: form-data; name="file"; filename="..%2f..%2fx"\r\nContent-Type: application/x-directory\r\n\r\n\r\n--b--\r\n',
  '--b\r\nContent-Disposition: form-data; name="file?mode=99999&mtime=x"; filename="a"\r\nContent-Type: application/symlink\r\n\r\n/etc\r\n--b--\r\n',
  '--b\r\nAbspath: /etc/passwd\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--b--\r\n',
  `--b\r\n${'X: y\r\n'.repeat(3000)}\r\n`,
  '--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n--c--\r\n--b--\r\n',
  '{"a":'.repeat(500),
  '[1,',
]
const TYPES = [
  'multipart/form-data; boundary=b',
  'multipart/form-data; boundary=',
  'multipart/form-data',
  `multipart/form-data; boundary=${'z'.repeat(300)}`,
  'application/json',
  'multipart/mixed; boundary="b"',
  '',
]
const METHODS = ['POST', 'POST', 'POST', 'POST', 'GET', 'OPTIONS', 'PUT', 'FOO', 'post']
const FRAMES = ['length', 'chunked', 'short', 'both', 'badchunk', 'none']

/** Returns one request, most of which nobody should send. */
function nonsense(random: (below: number) => number): string {
  const of = (list: readonly string[]): string => list[random(list.length)] ?? ''
  const body = of(BODIES)
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
  const [headers, sent] = {
    length: [`Content-Length: ${body.length}`, body],
    chunked: ['Transfer-Encoding: chunked', chunk],
    short: [`Content-Length: ${Math.max(0, body.length - 1)}`, body],
    both: [`Content-Length: 3\r\nTransfer-Encoding: chunked`, chunk],
    badchunk: ['Transfer-Encoding: chunked', 'zz\r\nxx\r\n'],
    none: ['X-None: 1', ''],
  }[of(FRAMES)] ?? ['', '']
  const query = Array.from({ length: random(4) }, () => of(QUERIES)).join('&')
  const line = `${of(METHODS)} /api/v0/${of(PATHS)}${query === '' ? '' : `?${query}`} HTTP/1.${random(12) === 0 ? 0 : 1}`
  const type = of(TYPES)
  const fields = ['Host: localhost', 'Connection: close', headers, ...(type === '' ? [] : [`Content-Type: ${type}`])]
  const text = `${line}\r\n${fields.join('\r\n')}\r\n\r\n${sent}`
  if (random(10) > 0) return text
  // A byte of it is another.
  const at = random(Math.min(text.length, 200))
  return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1)
}

test(`${ROUNDS} requests of nonsense are answered, or turned away, and leave nothing behind`, async () => {
  const target = await daemon()
  const random = randomFrom(20_260_101)
  await answers(target.port)
  const before = target.resident()
  let answered = 0
  for (let round = 0; round < ROUNDS; round += 8) {
    const requests = Array.from({ length: 8 }, () => nonsense(random))
    const told = await Promise.all(
      requests.map(text => speak(target.port, Buffer.from(text, 'latin1'), /^HTTP\/1\.1 4(?:.*\r\n)+\r\n/)),
    )
    for (const [nth, text] of told.entries()) {
      assert.match(text, /^(HTTP\/1\.1 [2345]\d\d |$)/, requests[nth])
      assert.doesNotMatch(text, /a bug in tsipfs/, requests[nth])
      if (text !== '') answered += 1
    }
  }
  assert.ok(answered > ROUNDS / 2, `${answered} were answered`)
  await answers(target.port)
  assert.ok(target.resident() - before < GROWTH_BYTES_MAX, `grew by ${(target.resident() - before) >> 20} MiB`)
  while (/^\S+\s+true/m.test((await target.place.ok(['diag', 'cmds'])).replace(/^diag.cmds.*$/gm, '')))
    await answers(target.port)
  await target.finish()
})

test('clients that never read cost no memory, and keep nobody from reading', async () => {
  const target = await daemon()
  const cid = await target.place.ok(['add', '-Q', 'big'])
  await answers(target.port)
  const before = target.resident()
  const slow: Socket[] = []
  for (let nth = 0; nth < 24; nth++) {
    const socket = connect(target.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.pause()
    socket.write(`POST /api/v0/cat?arg=${cid} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    slow.push(socket)
  }
  // All of them are at work, and full, by the time that these have been read whole.
  for (let nth = 0; nth < 4; nth++) {
    const read = await fetch(`http://127.0.0.1:${target.port}/api/v0/cat?arg=${cid}`, { method: 'POST' })
    assert.equal((await read.arrayBuffer()).byteLength, 32 << 20)
  }
  const grown = target.resident() - before
  assert.ok(grown < GROWTH_BYTES_MAX, `grew by ${grown >> 20} MiB`)
  for (const socket of slow) {
    socket.destroy()
    await once(socket, 'close')
  }
  while (/^cat\s+true/m.test(await target.place.ok(['diag', 'cmds']))) await answers(target.port)
  await target.finish()
})

test('a thousand clients that say nothing, and headers that never end, hold no one up and are sent away', async () => {
  const target = await daemon()
  const own = join(target.place.repo, 'api.sock')
  const open = async (path: string | number, bytes: string): Promise<Socket> => {
    const socket = typeof path === 'string' ? connect(path) : connect(path, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(bytes)
    return socket
  }
  const head = 'POST /api/v0/version HTTP/1.1\r\nHost: localhost\r\n'
  const idle: Socket[] = []
  for (let nth = 0; nth < 1_000; nth++) idle.push(await open(nth % 2 === 0 ? target.port : own, ''))
  const loris = await Promise.all([target.port, own].flatMap(path => [open(path, head), open(path, head)]))
  // Half of them go on sending a little.
  const drips = setInterval(() => {
    for (const [nth, socket] of loris.entries()) if (nth % 2 === 0) socket.write('X')
  }, 500)
  const closed = Promise.all(
    [...loris, ...idle].map(socket => {
      socket.resume()
      return once(socket, 'close', { signal: AbortSignal.timeout(60_000) })
    }),
  )
  await answers(target.port)
  assert.match(await target.place.ok(['id']), /AgentVersion/)
  await closed
  clearInterval(drips)
  await answers(target.port)
  await target.finish()
})

test('bodies that never end wait, and leave the others room; a client that goes away takes its call with it', async () => {
  const target = await daemon()
  const fields = 'Host: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked'
  const begun = `POST /api/v0/add HTTP/1.1\r\n${fields}\r\n\r\n5\r\n--b\r\n\r\n`
  const slow: Socket[] = []
  for (let nth = 0; nth < 200; nth++) {
    const socket = connect(target.port, '127.0.0.1')
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    socket.write(begun)
    slow.push(socket)
  }
  await answers(target.port)
  const cid = await target.place.ok(['add', '-Q'], { input: 'not held up' })
  assert.equal(await target.place.ok(['cat', cid]), 'not held up')
  for (const socket of slow) socket.destroy()
  while (/^add\s+true/m.test(await target.place.ok(['diag', 'cmds']))) await answers(target.port)
  await target.finish()
})
