/** A node in another program: on repos of each kind, alone and with a peer. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Failure, openNode } from './index.ts'

const HELLO = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'
const TIMEOUT_MS = 20_000

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Runs the same in a repo of each kind. */
async function onEach(work: (place: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tsipfs-library-'))
  try {
    for (const place of [':memory:', ':temp:', join(folder, 'repo')]) await work(place)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('adds, reads, lists and pins in a repo of each kind, with the CIDs of the command line', async () => {
  await onEach(async repo => {
    await using node = await openNode({ repo, offline: true })
    assert.equal(await node.add('hello\n', { pinName: 'greeting' }), HELLO)
    assert.equal(await node.add([new TextEncoder().encode('hel'), 'lo\n']), HELLO)
    assert.equal(text(await node.read(HELLO)), 'hello\n')
    assert.equal(text(await node.read(`/ipfs/${HELLO}`, { offset: 1, length: 3 })), 'ell')
    const folder = await node.addFolder({ 'b/c.txt': 'c', 'a.txt': 'hello\n', 'b/d.txt': new Uint8Array(3) })
    const entries = await all(node.ls(folder))
    assert.deepEqual(
      entries.map(({ name, kind, size }) => [name, kind, size]),
      [
        ['a.txt', 'file', 6],
        ['b', 'directory', 0],
      ],
    )
    assert.equal(text(await node.read(`${folder}/b/c.txt`)), 'c')
    const pins = await all(node.pins())
    assert.ok(pins.some(({ cid, name }) => cid === HELLO && name === ''))
    assert.ok(pins.some(({ cid, mode }) => cid === folder && mode === 'recursive'))
    await node.unpin(folder)
    assert.ok(!(await all(node.pins())).some(({ cid }) => cid === folder))
    await node.pin(folder, { name: 'again', expires: new Date(4e12), labels: { of: 'test' } })
    const [again] = (await all(node.pins())).filter(({ cid }) => cid === folder)
    assert.deepEqual([again?.name, again?.expires?.getTime(), again?.labels], ['again', 4e12, { of: 'test' }])
    assert.equal(await node.has(HELLO), true)
  })
})

test('a repo on disk is there when it is opened again, and one in memory is not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tsipfs-library-'))
  try {
    const repo = join(folder, 'repo')
    {
      await using node = await openNode({ repo, offline: true })
      await node.add('hello\n')
    }
    await using node = await openNode({ repo, create: false, offline: true })
    assert.equal(text(await node.read(HELLO)), 'hello\n')
    await using empty = await openNode({ offline: true })
    assert.equal(await empty.has(HELLO), false)
    await assert.rejects(empty.read(HELLO), { kind: 'not-found' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('adds files of this machine as add -r does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tsipfs-library-'))
  try {
    await mkdir(join(folder, 'site'))
    await writeFile(join(folder, 'site/index.html'), '<h1>Hello</h1>\n')
    await writeFile(join(folder, 'site/.hidden'), '')
    await using node = await openNode({ offline: true })
    assert.equal(await node.addPath(join(folder, 'site')), 'QmVQ4ya5P9QSBHekfw7FBvzbYLWS6jmBX3tXW2WNZRHBN6')
    await assert.rejects(node.addPath(join(folder, 'nothing')), { kind: 'not-found' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('two nodes exchange blocks and messages', { timeout: TIMEOUT_MS }, async () => {
  await using provider = await openNode({ profiles: ['test'] })
  const cid = await provider.addFolder({ 'a.txt': 'a'.repeat(300_000), 'b.txt': 'b' })
  await using reader = await openNode({ profiles: ['test'] })
  const [address = ''] = await provider.addresses()
  assert.equal(await reader.connect(address), await provider.peerId())
  assert.deepEqual(await reader.peers(), [await provider.peerId()])
  const fetched = await reader.fetch(cid)
  assert.deepEqual([fetched.cid, fetched.blocks], [cid, 5])
  assert.equal(text(await reader.read(`${cid}/b.txt`)), 'b')

  const messages = await provider.subscribe('news')
  assert.equal(await reader.publish('news', 'hello', { peersMin: 1 }), 1)
  for await (const { topic, from, data } of messages) {
    assert.deepEqual([topic, from, text(data)], ['news', await reader.peerId(), 'hello'])
    break
  }
})

test('refuses what cannot be, with a kind', async () => {
  await assert.rejects(openNode({ repo: '/nowhere/at/all', create: false }), { kind: 'no-repo' })
  await assert.rejects(openNode({ profiles: ['none'] }), { kind: 'usage' })
  await assert.rejects(openNode({ config: { 'Swarm.AddrFilters': 7 } }), { kind: 'usage' })
  await using node = await openNode({ offline: true })
  await assert.rejects(node.peerId(), (error: unknown) => error instanceof Failure && error.kind === 'failed')
  await assert.rejects(node.addFolder({ '../a': '' }), { kind: 'usage' })
  await assert.rejects(node.addFolder({ a: '', 'a/b': '' }), { kind: 'usage' })
  await assert.rejects(node.read('no-cid'), { kind: 'usage' })
  await assert.rejects(node.unpin(HELLO), { kind: 'not-found' })
  await assert.rejects(node.add('x', { signal: AbortSignal.abort() }), { name: 'AbortError' })
})

test('a second node on a repo leaves its identity to the first', { timeout: TIMEOUT_MS }, async () => {
  await using first = await openNode({ repo: ':temp:', profiles: ['test'] })
  const ids = [await first.peerId()]
  await using second = await openNode({ repo: first.repo })
  ids.push(await second.peerId())
  assert.notEqual(ids[0], ids[1])
})
