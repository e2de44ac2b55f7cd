import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { test } from 'node:test'
import { sampleBlock } from '../../repo/blocks.suite.ts'
import { checkBlock } from '../hash.ts'
import { TestGateway } from './gateway.suite.ts'
import { Gateways, gatewayBase } from './gateways.ts'
import { gatewayUrl } from './provider-search.ts'

const { cid, bytes } = sampleBlock(1, 5_000)

function gatewaysAt(urls: readonly string[], requestTimeoutMs = 10_000): Gateways {
  return new Gateways({ urls, requestTimeoutMs, check: checkBlock })
}

const tells = (_: IncomingMessage, response: ServerResponse): void => void response.end(bytes)
const knowsNothing = (_: IncomingMessage, response: ServerResponse): void => void response.writeHead(404).end('no')

test('asks for the raw block, and checks it', async () => {
  await using gateway = await TestGateway.start((request, response) => {
    assert.equal(request.headers.accept, 'application/vnd.ipld.raw')
    response.end(bytes)
  })
  assert.deepEqual(Buffer.from(await gatewaysAt([`${gateway.url}/ipfs/`]).get(cid)), Buffer.from(bytes))
  assert.deepEqual(gateway.asked, [`/ipfs/${cid}?format=raw`])
})

test('goes on to the next when one has it not, lies, fails, is dead or sends too much', async () => {
  await using good = await TestGateway.start(tells)
  await using absent = await TestGateway.start(knowsNothing)
  await using liar = await TestGateway.start((_, response) => void response.end('a lie'))
  await using broken = await TestGateway.start((_, response) => void response.writeHead(500).end())
  await using endless = await TestGateway.start((_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(1024 * 1024)));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  })
  for (const bad of [absent.url, liar.url, broken.url, endless.url, 'http://127.0.0.1:1']) {
    const got = await gatewaysAt([bad, good.url]).get(cid)
    assert.equal(got.length, bytes.length, bad)
  }
})

test('says why when nobody has it', async () => {
  await using absent = await TestGateway.start(knowsNothing)
  await using liar = await TestGateway.start((_, response) => void response.end('a lie'))
  await assert.rejects(gatewaysAt([absent.url]).get(cid), { kind: 'not-found' })
  await assert.rejects(gatewaysAt([liar.url, absent.url]).get(cid), { kind: 'data-mismatch' })
  await assert.rejects(gatewaysAt(['http://127.0.0.1:1']).get(cid), { kind: 'network' })
})

test('follows a few redirects, and no more', async () => {
  await using good = await TestGateway.start(tells)
  await using moved = await TestGateway.start((request, response) => {
    response.writeHead(302, { Location: `${good.url}${request.url}` }).end()
  })
  await using loop = await TestGateway.start((request, response) => {
    response.writeHead(302, { Location: `${request.url}` }).end()
  })
  assert.equal((await gatewaysAt([moved.url]).get(cid)).length, bytes.length)
  await assert.rejects(gatewaysAt([loop.url]).get(cid), /too many redirects/)
  assert.equal(loop.asked.length, 4)
})

test('gives up on a gateway that does not answer in time, and when the caller does', async () => {
  await using silent = await TestGateway.start(() => undefined)
  await assert.rejects(gatewaysAt([silent.url], 100).get(cid), { kind: 'timeout' })
  const stop = new AbortController()
  const waiting = gatewaysAt([silent.url]).get(cid, { signal: stop.signal })
  stop.abort(new RangeError('enough'))
  await assert.rejects(waiting, RangeError)
})

test('asks one gateway for a bounded number of blocks at a time, and leaves one alone that keeps failing', async () => {
  await using gateway = await TestGateway.start(async (_, response) => {
    await new Promise<void>(resolve => setImmediate(resolve))
    response.writeHead(503).end()
  })
  const gateways = gatewaysAt([gateway.url])
  const all = await Promise.allSettled(Array.from({ length: 100 }, (_, seed) => gateways.get(sampleBlock(seed).cid)))
  assert.ok(all.every(({ status }) => status === 'rejected'))
  assert.ok(gateway.runningMax <= 16, `${gateway.runningMax} at a time`)
  const before = gateway.asked.length
  await assert.rejects(gateways.get(cid))
  assert.equal(gateway.asked.length, before)
})

test('reads URLs of gateways and addresses of providers over HTTP', () => {
  assert.equal(gatewayBase('https://gateway.example/'), 'https://gateway.example')
  assert.equal(gatewayBase('http://127.0.0.1:8080/ipfs'), 'http://127.0.0.1:8080')
  assert.throws(() => gatewayBase('gateway.example'), { kind: 'usage' })
  assert.throws(() => gatewayBase('ftp://gateway.example'), { kind: 'usage' })
  assert.equal(gatewayUrl('/dns4/host.example/tcp/443/https'), 'https://host.example:443')
  assert.equal(gatewayUrl('/dns/host.example/tcp/443/tls/http'), 'https://host.example:443')
  assert.equal(gatewayUrl('/ip6/::1/tcp/80/http'), 'http://[::1]:80')
  assert.equal(gatewayUrl('/ip4/127.0.0.1/tcp/4001'), undefined)
})
