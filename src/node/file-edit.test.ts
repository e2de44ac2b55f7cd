import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CID } from 'multiformats/cid'
import { freshRepo } from '../repo/fresh-repo.suite.ts'
import { changeFile, type FileChange } from './file-edit.ts'
import type { FileFormat } from './file-layout.ts'

const V0: FileFormat = {
  version: 0,
  hashCode: 0x12,
  rawLeaves: false,
  chunker: '',
  layout: 'balanced',
  maxLinks: 174,
}

async function* pieces(...texts: string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text)
}

test('files of MFS have the CIDs that Kubo 0.44 gives them, however they were written', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  let file: CID | undefined
  const write = async (change: Partial<FileChange>): Promise<string> => {
    const whole = { offset: 0, truncate: false, likeAdd: false, data: pieces('hel', 'lo'), ...change }
    const changed = await changeFile(repo.blocks, file, whole, V0, {})
    file = changed.cid
    return changed.cid.toString()
  }
  assert.equal(await write({}), 'QmSYVhw7DFAQTznBx6ZMvX71VKuyfecVBgt8E2iruC7sCC')
  assert.equal(await write({ offset: 2 }), 'QmRYLu6DfFmoCvWq4vjTt28gZCQeipkVyvKaPNw9NCqTBP')
  file = undefined
  const big = 'a'.repeat(600_000)
  assert.equal(await write({ data: pieces(big) }), 'QmNovwZQYqqt918ETK1hYhbhbZLhKX9hY75UPgwQx1QSeK')
  assert.equal(await write({ offset: 300_000 }), 'QmXArnzfMtJAbQpi1jhhb65DDNpQc6CPKMX9gLpaVJQUUN')
  assert.equal(await write({ offset: 599_999 }), 'QmVb7L1x3wCzNK7eAqW4qEsoStXAkAVnubT93fyAh3GfRB')
  assert.equal(await write({ offset: 600_004, data: pieces(big) }), 'QmRu1WFYsf3Gi5zC6FuJDx1zXU28TZrPbDpAY3YQHVzTfo')
  // Each cut leaves an empty leaf behind.
  file = undefined
  await write({ data: pieces('one') })
  const cut = (text: string): Promise<string> => write({ truncate: true, data: pieces(text) })
  assert.equal(await cut('two'), 'QmQykCsDdWpXSt8tR3VGmvxHyhWVqnDf75k3U5EWZoRUg2')
  assert.equal(await cut('three'), 'QmW1idC6BgnX3ymgBq3aMWFNZDNTAt8xGLMtJYnbhcXAHR')
  assert.equal(await cut('four'), 'QmYVxzrNmKtW2aCqSuj9U6Nxg2gREW6X4y7eUqdGwkcBbq')
  assert.equal(await cut(''), 'QmREBCH1r92iEfZtxnFkKYi9k9kUNQrj8WvDZGjpVooSsW')
  assert.equal(await cut('x'), 'QmdXm3LuJ2ihDxNgB4VL3THXMfXdwyh7YH4HBoQERZdPJU')
})

test('the bytes alone decide the CID of files like those of add, however they were written', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const base = { ...V0, version: 1 as const, rawLeaves: true, chunker: 'size-100', maxLinks: 3 }
  const bytes = 'abcdefghij'.repeat(250)
  for (const format of [base, { ...base, rawLeaves: false }, { ...base, layout: 'trickle' as const }]) {
    const write = async (file: CID | undefined, offset: number, text: string, truncate = false): Promise<CID> => {
      const change = { offset, data: pieces(text), truncate, likeAdd: true }
      return (await changeFile(repo.blocks, file, change, format, {})).cid
    }
    for (const size of [0, 1, 99, 100, 101, 300, 301, 900, 901, 2500]) {
      const text = bytes.slice(0, size)
      const whole = await write(undefined, 0, text)
      const cut = Math.floor(size / 3)
      const twice = await write(await write(undefined, 0, text.slice(0, cut)), cut, text.slice(cut))
      assert.equal(String(twice), String(whole), `appended ${size}`)
      assert.equal(String(await write(twice, 0, text, true)), String(whole), `truncated ${size}`)
      const spoilt = await write(whole, cut, 'x'.repeat(Math.min(150, size - cut)))
      assert.equal(String(await write(spoilt, cut, text.slice(cut, cut + 150))), String(whole), `mended ${size}`)
    }
  }
})

test('a file of Kubo that outgrows one node becomes that of add', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open()
  const format = { ...V0, chunker: 'size-100', maxLinks: 3 }
  const write = async (
    file: CID | undefined,
    offset: number,
    text: string,
    likeAdd: boolean,
  ): Promise<[CID, number]> => {
    const change = { offset, data: pieces(text), truncate: false, likeAdd }
    const { cid, written } = await changeFile(repo.blocks, file, change, format, {})
    return [cid, written]
  }
  const bytes = 'klmnopqrst'.repeat(100)
  const [whole] = await write(undefined, 0, bytes, true)
  assert.deepEqual(await write(undefined, 0, bytes, false), [whole, 1000])
  const [small] = await write(undefined, 0, bytes.slice(0, 250), false)
  assert.deepEqual(await write(small, 250, bytes.slice(250), false), [whole, 750])
  const [zeros] = await write(undefined, 0, `${'\0'.repeat(12_300)}z`, true)
  const [empty] = await write(undefined, 0, '', false)
  assert.deepEqual(await write(empty, 12_300, 'z', false), [zeros, 1])
})
