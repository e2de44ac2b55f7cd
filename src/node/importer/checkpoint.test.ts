import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { GLOBALS_DEFAULT } from '../../contract/globals.ts'
import type { SourceEntry } from '../../contract/source.ts'
import { freshRepo } from '../../repo/fresh-repo.suite.ts'
import type { Repo } from '../../repo/roles.ts'
import { openNode } from '../open.ts'
import { type AddOptions, addAll } from './add.ts'
import { ADD_PLAIN } from './plain-options.ts'

const KEYS = '/cache/add/'
const DAY_MS = 24 * 60 * 60 * 1000

const OPTIONS: AddOptions = { ...ADD_PLAIN, checkpoint: true, checkpointMs: 0, chunker: 'size-1000', cidVersion: 1 }

function bytesOf(name: string): Uint8Array {
  return Buffer.concat(Array.from({ length: 100 }, (_, nth) => createHash('sha256').update(`${name}${nth}`).digest()))
}

function file(name: string, content: () => AsyncIterable<Uint8Array>, seconds = 1_600_000_000): SourceEntry {
  const mtime = { seconds, nanoseconds: 5 }
  return {
    path: `d/${name}`,
    type: 'file',
    size: 3200,
    mode: 0o644,
    mtime,
    inode: 7n,
    localPath: `/d/${name}`,
    content,
  }
}

/** A folder of three files; notes which of them are read. */
function folder(read: string[], options: { killedAt?: string; touched?: string } = {}): AsyncIterable<SourceEntry> {
  return (async function* () {
    yield { path: 'd', type: 'directory' }
    for (const name of ['a', 'b', 'c']) {
      const content = async function* (): AsyncGenerator<Uint8Array> {
        if (name === options.killedAt) throw new Error('killed')
        read.push(name)
        yield bytesOf(name)
      }
      yield file(name, content, name === options.touched ? 1_600_000_001 : undefined)
    }
  })()
}

async function configuredRepo(): ReturnType<typeof freshRepo> {
  const fresh = await freshRepo()
  writeFileSync(join(fresh.path, 'config'), '{}')
  return fresh
}

/** Adds in a run of its own, on a repo that is opened for it. */
async function add(
  fresh: Awaited<ReturnType<typeof freshRepo>>,
  source: AsyncIterable<SourceEntry>,
  options: Partial<AddOptions> = {},
): Promise<string> {
  await using node = openNode(await fresh.open(), { globals: { ...GLOBALS_DEFAULT, offline: true } })
  let last = ''
  for await (const event of addAll(node, source, { ...OPTIONS, ...options })) {
    if ('cid' in event) last = event.cid.toString()
  }
  return last
}

async function keysOf(repo: Repo): Promise<string[]> {
  return (await Array.fromAsync(repo.values.list(KEYS))).map(({ key }) => key)
}

test('what a killed add has finished is not read again, and is forgotten once an add ends', async () => {
  using fresh = await configuredRepo()
  const want = await add(fresh, folder([]), { onlyHash: true })
  await assert.rejects(add(fresh, folder([], { killedAt: 'c' })), /killed/)
  // Something else that is added meanwhile leaves it alone.
  const alone = (async function* (): AsyncGenerator<SourceEntry> {
    yield { path: 'x', type: 'file', content: async function* () {} }
  })()
  await add(fresh, alone)
  const read: string[] = []
  assert.equal(await add(fresh, folder(read)), want)
  assert.deepEqual(read, ['c'])
  await using repo = await fresh.open()
  assert.deepEqual(await keysOf(repo), [])
})

test('files that changed, other settings and --no-checkpoint read again', async () => {
  using fresh = await configuredRepo()
  await assert.rejects(add(fresh, folder([], { killedAt: 'c' })), /killed/)
  const touched: string[] = []
  await assert.rejects(add(fresh, folder(touched, { touched: 'b', killedAt: 'c' })), /killed/)
  assert.deepEqual(touched, ['b'])
  const others: string[] = []
  await add(fresh, folder(others), { chunker: 'size-500' })
  assert.deepEqual(others, ['a', 'b', 'c'])
  const all: string[] = []
  await add(fresh, folder(all), { checkpoint: false })
  assert.deepEqual(all, ['a', 'b', 'c'])
})

test('a file whose blocks are gone is read again', async () => {
  using fresh = await configuredRepo()
  await assert.rejects(add(fresh, folder([], { killedAt: 'c' })), /killed/)
  const { CID } = await import('multiformats/cid')
  const { create } = await import('multiformats/hashes/digest')
  const leaf = createHash('sha256').update(bytesOf('a').subarray(1000, 2000)).digest()
  {
    await using repo = await fresh.open()
    assert.equal(await repo.blocks.delete(CID.createV1(0x55, create(0x12, leaf))), true)
  }
  const read: string[] = []
  await add(fresh, folder(read))
  assert.deepEqual(read, ['a', 'c'])
})

test('what is older than a week is swept; a run that ends soon writes nothing', async () => {
  using fresh = await configuredRepo()
  const old = `${KEYS}0123456789abcdef/${Date.now() - 8 * DAY_MS}-abc-0`
  const recent = `${KEYS}0123456789abcdef/${Date.now() - 6 * DAY_MS}-abc-0`
  {
    await using repo = await fresh.open()
    for (const key of [old, recent]) await repo.values.put(key, Buffer.from('[]'))
  }
  await assert.rejects(add(fresh, folder([], { killedAt: 'c' }), { checkpointMs: 60_000 }), /killed/)
  await using repo = await fresh.open()
  assert.deepEqual(await keysOf(repo), [recent])
})
