/** The thirteen requests that ipfs-cluster makes of its node, byte for byte as it makes them. */
import assert from 'node:assert/strict'
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Daemon } from './daemons.ts'
import { seeded } from './program.ts'

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly trailers: NodeJS.Dict<string>
}

let daemon: Daemon

before(async () => {
  daemon = await Daemon.start({ base: '/dev/shm' })
})

after(async () => {
  await daemon[Symbol.asyncDispose]()
})

/** It speaks to the node's own socket: `/unix/…/api.sock` is one of the addresses that it takes. */
function options(path: string, method = 'POST', headers: Record<string, string> = {}): RequestOptions {
  const socketPath = join(daemon.place.repo, 'api.sock')
  return { socketPath, method, path: `/api/v0/${path}`, headers: { 'User-Agent': 'Go-http-client/1.1', ...headers } }
}

function ask(path: string, method = 'POST', headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(options(path, method, headers), response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers: received, trailers } = response
        resolve({ status, headers: received, text: Buffer.concat(chunks).toString(), trailers })
      })
    })
    request.on('error', reject)
    request.end()
  })
}

function lines(text: string): Record<string, unknown>[] {
  return text
    .trim()
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

async function value(path: string): Promise<Record<string, unknown>> {
  const { status, text } = await ask(path)
  assert.equal(status, 200, text)
  return JSON.parse(text)
}

/** Sends blocks as cluster does: parts of one endless upload, each named by its CID, each answered before the next. */
async function putBlocks(blocks: readonly { readonly name: string; readonly bytes: Uint8Array }[]): Promise<unknown[]> {
  const query = 'allow-big-block=true&cid-codec=raw&mhlen=32&mhtype=sha2-256&pin=false'
  const headers = { 'Content-Type': 'multipart/form-data; boundary=b0undary' }
  const answers: unknown[] = []
  let heard = (): void => undefined
  const request = httpRequest(options(`block/put?${query}`, 'POST', headers))
  const done = new Promise<void>((resolve, reject) => {
    request.on('error', reject)
    request.on('response', response => {
      assert.equal(response.statusCode, 200)
      let text = ''
      response.on('data', chunk => {
        text += String(chunk)
        for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n')) {
          answers.push(JSON.parse(text.slice(0, at)))
          text = text.slice(at + 1)
        }
        heard()
      })
      response.on('end', resolve)
    })
  })
  for (const [at, { name, bytes }] of blocks.entries()) {
    const disposition = `Content-Disposition: form-data; name="file"; filename="${name}"`
    request.write(`--b0undary\r\n${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`)
    request.write(bytes)
    // A part ends where the next boundary begins; what follows the boundary comes with the next part.
    request.write(at === blocks.length - 1 ? '\r\n--b0undary--\r\n' : '\r\n')
    if (at > 0 && at % 100 === 0) {
      const before = at - 1
      while (answers.length < before) await new Promise<void>(resolve => (heard = resolve))
    }
  }
  request.end()
  await done
  return answers
}

test('it asks who the node is, how large its repo is, and for its config', async () => {
  const id = await value('id')
  assert.equal(id.ID, daemon.peer)
  assert.ok(Array.isArray(id.Addresses) && id.Addresses.length > 0)
  const stat = await value('repo/stat?size-only=true')
  assert.ok(Number(stat.RepoSize) > 0 && Number(stat.StorageMax) > 0)
  const config = await value('config/show')
  assert.ok('Datastore' in config && 'Addresses' in config)
})

test('it puts blocks in one streamed upload, and is answered while it still sends', async () => {
  const blocks = []
  for (let at = 0; at < 1_000; at++) {
    const bytes = seeded(at % 10 === 0 ? 100_000 : 500, at)
    blocks.push({ name: `block-${at}`, bytes })
  }
  const answers = await putBlocks(blocks)
  assert.deepEqual(
    answers.map(answer => (answer as { Size: number }).Size),
    blocks.map(({ bytes }) => bytes.length),
  )
  const last = (answers.at(-1) as { Key: string }).Key
  const got = await ask(`block/get?arg=${last}`)
  assert.equal(got.status, 200)
  assert.equal(got.text, Buffer.from(blocks.at(-1)?.bytes ?? []).toString())
})

test('it pins, lists, updates and unpins', async () => {
  const cid = await daemon.ok(['add', '-Q', '--pin=false'], { input: 'to be pinned' })
  const other = await daemon.ok(['add', '-Q', '--pin=false'], { input: 'to be pinned instead' })
  const missing = await ask(`pin/ls?stream=true&arg=${cid}&type=recursive`)
  assert.equal(missing.status, 500)
  assert.match(JSON.parse(missing.text).Message, /not pinned$/)
  const added = await ask(`pin/add?arg=${cid}&recursive=true&progress=true`)
  assert.equal(added.headers['x-chunked-output'], '1')
  const reports = lines(added.text)
  assert.deepEqual(reports.at(-1), { Pins: [cid] })
  assert.ok(reports.slice(0, -1).every(({ Progress }) => typeof Progress === 'number'))
  const listed = lines((await ask('pin/ls?stream=true&type=recursive')).text)
  assert.ok(listed.some(({ Cid, Type }) => Cid === cid && Type === 'recursive'))
  assert.deepEqual(lines((await ask(`pin/ls?stream=true&arg=${cid}&type=recursive`)).text), [
    { Cid: cid, Type: 'recursive' },
  ])
  assert.deepEqual(lines((await ask('pin/ls?stream=true&type=direct')).text), [])
  assert.deepEqual(await value(`pin/update?arg=${cid}&arg=${other}&unpin=false`), { Pins: [cid, other] })
  for (const pin of [cid, other]) assert.deepEqual(await value(`pin/rm?arg=${pin}`), { Pins: [pin] })
  const gone = await ask(`pin/rm?arg=${cid}`)
  assert.equal(gone.status, 500)
  assert.match(JSON.parse(gone.text).Message, /not pinned or pinned indirectly/)
  const shallow = lines((await ask(`pin/add?arg=${cid}&recursive=true&max-depth=1&progress=true`)).text)
  assert.deepEqual(shallow.at(-1), { Pins: [cid] })
})

test('it resolves paths, connects nodes and collects garbage', async () => {
  await using other = await Daemon.start({ base: '/dev/shm' })
  const file = await daemon.ok(['add', '-Q', '--pin=false'], { input: 'in a folder' })
  const folder = await daemon.ok(['add', '-Q', '-w', '--pin=false', '--stdin-name=name'], { input: 'in a folder' })
  assert.deepEqual(await value(`resolve?arg=/ipfs/${folder}/name`), { Path: `/ipfs/${file}` })
  const before = await value('swarm/peers')
  assert.ok(before.Peers === null || (before.Peers as unknown[]).length === 0)
  await value(`swarm/connect?arg=${encodeURIComponent(other.address)}`)
  assert.deepEqual(
    ((await value('swarm/peers')).Peers as { Peer: string }[]).map(({ Peer }) => Peer),
    [other.peer],
  )
  const collected = lines((await ask('repo/gc?stream-errors=true')).text)
  assert.ok(collected.length > 0)
  assert.ok(collected.every(line => typeof (line.Key as { '/'?: string })?.['/'] === 'string' || 'Error' in line))
})

test('its proxy asks what a browser may do, and the version', async () => {
  for (const path of ['add', 'repo/stat', 'pin/ls']) {
    const { status, headers } = await ask(path, 'OPTIONS', { Origin: 'http://example.com' })
    assert.equal(status, 204, path)
    assert.match(String(headers.vary), /Origin/)
  }
  assert.match(String((await value('version')).Version), /^\d+\.\d+/)
})
