import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CID } from 'multiformats/cid'
import { sampleBlock } from '../../repo/blocks.suite.ts'
import { memoryBlocks } from '../../repo/memory.ts'
import type { Blocks } from '../../repo/roles.ts'
import { DirectoryEdit } from '../directory-edit.ts'
import { DIRECTORY_RULES_DEFAULT, type DirectoryRules } from '../directory-size.ts'
import { differingEntries } from './directories.ts'

const FORMAT = { version: 1, hashCode: 0x12 } as const
const SHARDED: DirectoryRules = { ...DIRECTORY_RULES_DEFAULT, thresholdBytes: 1 }
const PLAIN: DirectoryRules = { ...DIRECTORY_RULES_DEFAULT, thresholdBytes: 0 }

type Entries = ReadonlyMap<string, number>

async function folderOf(blocks: Blocks, entries: Entries, rules: DirectoryRules): Promise<CID> {
  const edit = DirectoryEdit.empty(blocks, rules, FORMAT, {}, {})
  for (const [name, seed] of entries) await edit.set({ name, cid: sampleBlock(seed).cid, size: 100 })
  return (await edit.save()).cid
}

/** Makes numbers by rule. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    yield state >> 8
  }
}

function change(entries: Entries, count: number, next: () => number): Map<string, number> {
  const changed = new Map(entries)
  const names = [...entries.keys()]
  for (let nth = 0; nth < count; nth++) {
    const name = names[next() % names.length] ?? ''
    const kind = next() % 3
    if (kind === 0) changed.delete(name)
    else changed.set(kind === 1 ? name : `new-${next()}`, 10_000 + next())
  }
  return changed
}

function expected(one: Entries, other: Entries): string[] {
  const names = new Set([...one.keys(), ...other.keys()])
  return [...names].filter(name => one.get(name) !== other.get(name)).sort()
}

test('the entries in which two folders differ are found, whichever of them are sharded', async () => {
  const random = numbers(7)
  const next = (): number => random.next().value
  for (const size of [1, 3, 300, 2000]) {
    const blocks = memoryBlocks()
    const entries = new Map(Array.from({ length: size }, (_, nth) => [`file-${nth}`, nth]))
    for (const count of [0, 1, 20]) {
      const changed = change(entries, count, next)
      const want = expected(entries, changed)
      for (const [rules, others] of [
        [SHARDED, SHARDED],
        [SHARDED, PLAIN],
        [PLAIN, PLAIN],
        [SHARDED, { ...SHARDED, fanout: 16 }],
      ] as const) {
        const [one, other] = [await folderOf(blocks, entries, rules), await folderOf(blocks, changed, others)]
        const found = await differingEntries(blocks, one, other)
        assert.deepEqual(
          found.map(({ name }) => name),
          want,
        )
        for (const pair of found) {
          assert.equal(pair.one !== undefined, entries.has(pair.name))
          assert.equal(pair.other !== undefined, changed.has(pair.name))
        }
      }
    }
  }
})

test('of two sharded folders only the shards that differ are read', async () => {
  const blocks = memoryBlocks()
  const entries = new Map(Array.from({ length: 5000 }, (_, nth) => [`file-${nth}`, nth]))
  const one = await folderOf(blocks, entries, SHARDED)
  const other = await folderOf(blocks, new Map(entries).set('file-77', 9_999_999), SHARDED)
  let reads = 0
  const counting = {
    ...blocks,
    get: (cid: CID) => {
      reads += 1
      return blocks.get(cid)
    },
  }
  assert.deepEqual(
    (await differingEntries(counting, one, other)).map(({ name }) => name),
    ['file-77'],
  )
  assert.ok(reads <= 8, `${reads} blocks were read`)
})
