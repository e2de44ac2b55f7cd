import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced, trickle } from 'ipfs-unixfs-importer/layout'
import type { CID } from 'multiformats/cid'
import type { SourceEntry } from '../../contract/source.ts'
import { memoryBlocks } from '../../repo/memory.ts'
import type { Config } from '../../repo/roles.ts'
import { type Imported, TreeImport } from './import-tree.ts'
import { IMPORT_PLAIN } from './plain-options.ts'
import { type ImportOptions, importSettingsOf } from './settings.ts'

function noise(length: number): Uint8Array {
  const parts: Uint8Array[] = []
  for (let nth = 0; nth * 32 < length; nth += 1) parts.push(createHash('sha256').update(`${nth}`).digest())
  return new Uint8Array(Buffer.concat(parts, Math.max(length, 32 * parts.length)).subarray(0, length))
}

async function* pieces(bytes: Uint8Array, length: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

/** Returns an entry that is read in place, as large files on this machine are. */
function opened(path: string, bytes: Uint8Array): SourceEntry {
  return {
    path,
    type: 'file',
    size: bytes.length,
    content: () => assert.fail('a large file is read in place'),
    open: () => ({
      async read(target, position) {
        const part = bytes.subarray(position, position + target.length)
        target.set(part)
        return part.length
      },
      async [Symbol.asyncDispose]() {
        // Nothing is open.
      },
    }),
  }
}

const file = (path: string, bytes: Uint8Array, pieceBytes = 65_536): SourceEntry => ({
  path,
  type: 'file',
  content: () => pieces(bytes, pieceBytes),
})

async function importAll(
  entries: readonly SourceEntry[],
  options: Partial<ImportOptions> = {},
  {
    wrap = false,
    config = {},
    unordered = false,
  }: { readonly wrap?: boolean; readonly config?: Config; readonly unordered?: boolean } = {},
): Promise<{ imported: Imported[]; root: CID }> {
  const settings = importSettingsOf(config, { ...IMPORT_PLAIN, ...options })
  const tree = new TreeImport(memoryBlocks(), settings, {
    wrap,
    skipsEmpty: false,
    silent: false,
    reportsProgress: false,
  })
  async function* source(): AsyncIterable<SourceEntry> {
    yield* entries
  }
  const entriesSent = unordered ? { isUnordered: true, [Symbol.asyncIterator]: source } : source()
  const imported = (await Array.fromAsync(tree.run(entriesSent as AsyncIterable<SourceEntry>))).filter(
    event => 'cid' in event,
  )
  const root = tree.roots.at(-1)
  assert.ok(root !== undefined)
  return { imported, root: root.cid }
}

async function byLibrary(bytes: Uint8Array, options: Partial<ImportOptions>): Promise<string> {
  const kept = { put: async (cid: CID) => cid }
  const version = options.cidVersion === 1 ? 1 : 0
  const maxChildrenPerNode = options.maxFileLinks ?? 174
  const entries = importer([{ content: pieces(bytes, 100_000) }], kept, {
    cidVersion: version,
    rawLeaves: options.rawLeaves ?? version === 1,
    chunker: fixedSize({ chunkSize: Number(options.chunker?.slice(5) ?? 262_144) }),
    layout: options.trickle === true ? trickle({ maxChildrenPerNode }) : balanced({ maxChildrenPerNode }),
    leafType: options.trickle === true ? 'raw' : 'file',
    reduceSingleLeafToSelf: options.trickle !== true,
  })
  const [entry] = await Array.fromAsync(entries)
  return String(entry?.cid)
}

test('files become what ipfs-unixfs-importer makes of them, however their bytes come', async () => {
  const variants: Partial<ImportOptions>[] = [
    {},
    { cidVersion: 1 },
    { rawLeaves: true },
    { chunker: 'size-1000', maxFileLinks: 3 },
    { chunker: 'size-20000', maxFileLinks: 2, cidVersion: 1 },
  ]
  for (const length of [0, 1, 999, 262_144, 262_145, 1_300_000]) {
    const bytes = noise(length)
    for (const options of variants) {
      const expected = await byLibrary(bytes, options)
      for (const pieceBytes of [7001, 262_144, 4_000_000]) {
        const { root } = await importAll([file('f', bytes, pieceBytes)], options)
        assert.equal(String(root), expected, `${length} ${pieceBytes} ${JSON.stringify(options)}`)
      }
      if (length < 1024 * 1024) continue
      const { root } = await importAll([opened('f', bytes)], options)
      assert.equal(String(root), expected, `in place ${JSON.stringify(options)}`)
    }
  }
})

// What Kubo 0.44 makes of the same, as `ipfs add -rQ` prints it.
const folder = (path: string): SourceEntry => ({ path, type: 'directory', mode: 0o755 })
const many = (count: number): SourceEntry[] => [
  folder('d'),
  ...Array.from({ length: count }, (_, nth) => file(`d/f${String(nth).padStart(5, '0')}`, Buffer.from(`x${nth}\n`))),
]

test('folders are sharded as by Kubo, and named in its order', async () => {
  const cases: readonly (readonly [number, Partial<ImportOptions>, string])[] = [
    [30, {}, 'QmS3DYp7QEx4uszt3PQZMbcwzxW9EDJ7G9kMYWCx8Uk5Lp'],
    [30, { maxDirectoryLinks: 10 }, 'QmNspzVrguhLj7KaqcHJEUw2QS3qzYiGexBTYjCRfpuQWU'],
    [30, { maxDirectoryLinks: 10, maxHamtFanout: 8 }, 'QmZAD8qapWtMWPFxYRsjuG2wwdUzKgMY4Z2qhaoPKGHNW3'],
    [
      30,
      { maxDirectoryLinks: 10, maxHamtFanout: 1024, cidVersion: 1 },
      'bafybeia66ij6awhuoxv5yzlb2mbkff7ozh7wnpmaii5nqipdsyvikfe3ei',
    ],
    [7000, {}, 'QmfTjx38d5XLjExqqd7p9zE8iszoMrCJRbbAD46vnQaM6B'],
    [6000, { cidVersion: 1 }, 'bafybeibktowzctdyj2qwcvi52rhcvln7xzvae7yrx3wu2ilpw7brwvbe6i'],
  ]
  for (const [count, options, expected] of cases) {
    const { root, imported } = await importAll(many(count), options)
    assert.equal(String(root), expected, `${count} ${JSON.stringify(options)}`)
    assert.equal(imported.length, count + 1)
    assert.equal(imported.at(-1)?.name, 'd')
  }
})

test('inner folders are reported before outer ones, and all after the files', async () => {
  const entries = [
    folder('d'),
    folder('d/a'),
    folder('d/a/b'),
    file('d/a/b/x', noise(1)),
    folder('d/e'),
    file('d/z', noise(2)),
  ]
  const { imported } = await importAll(entries)
  assert.deepEqual(
    imported.map(({ name }) => name),
    ['d/a/b/x', 'd/z', 'd/a/b', 'd/a', 'd/e', 'd'],
  )
})

test('what is wrapped lies in a folder without a name; standard input is called by its CID', async () => {
  const { imported, root } = await importAll([file('', Buffer.from('hello\n'))], {}, { wrap: true })
  assert.deepEqual(
    imported.map(({ name }) => name),
    ['QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN', ''],
  )
  assert.equal(String(root), 'QmWeU8gBsRAcvbxH1QeVSNGnQywZxveR3p4kpAuszup8Y4')
})

test('an entry without its folder, and one that is sent twice, are refused', async () => {
  await assert.rejects(importAll([file('d/x', noise(1))]), { kind: 'usage' })
  await assert.rejects(importAll([folder('d'), file('d/e/x', noise(1))]), { kind: 'usage' })
  await assert.rejects(importAll([folder('d'), file('d/x', noise(1)), file('d/x', noise(2))]), { kind: 'failed' })
  await assert.rejects(importAll([folder('d'), file('d/..', noise(1))]), { kind: 'failed' })
})

test('folders of a client may come in any order', async () => {
  const inOrder = [
    folder('d'),
    folder('d/a'),
    file('d/a/x', noise(1)),
    file('d/a/y', noise(2)),
    folder('d/b'),
    file('d/b/z', noise(3)),
  ]
  const mixed = [0, 1, 2, 4, 5, 3].flatMap(at => inOrder[at] ?? [])
  for (const wrap of [false, true]) {
    const [expected, found] = [
      await importAll(inOrder, {}, { wrap }),
      await importAll(mixed, {}, { wrap, unordered: true }),
    ]
    assert.equal(String(found.root), String(expected.root))
    const names = ({ imported }: typeof found) => imported.map(({ name }) => name).slice(3)
    assert.deepEqual(names(found), names(expected))
    assert.deepEqual(await importAll(inOrder, {}, { wrap, unordered: true }), expected)
  }
})

test('what was named is stored once more when a client comes back to it', async () => {
  const sent = [folder('d'), file('d/x', noise(1)), folder('e'), file('e/x', noise(2)), file('d/y', noise(3))]
  const { imported, root } = await importAll(sent, {}, { unordered: true })
  assert.deepEqual(
    imported.map(({ name }) => name),
    ['d/x', 'd', 'e/x', 'e', 'd/y', 'd'],
  )
  const whole = await importAll([folder('d'), file('d/x', noise(1)), file('d/y', noise(3))])
  assert.equal(String(imported.at(-1)?.cid), String(whole.root))
  assert.equal(String(root), String(imported[3]?.cid), 'the order of the roots is that of the names')
})

test('options that do not go together are refused', () => {
  const refused: readonly Partial<ImportOptions>[] = [
    { cidVersion: 2 },
    { cidVersion: 0, hash: 'sha2-512' },
    { hash: 'md5' },
    { rawLeaves: true, mode: '0644' },
    { mtimeNsecs: 5 },
    { mtime: 1, mtimeNsecs: 1_000_000_000 },
    { inline: true, inlineLimit: 129 },
    { maxHamtFanout: 7 },
    { mode: 'rw-r--r--' },
    { nocopy: true, rawLeaves: false },
  ]
  for (const options of refused) {
    assert.throws(
      () => importSettingsOf({}, { ...IMPORT_PLAIN, ...options }),
      { kind: 'usage' },
      JSON.stringify(options),
    )
  }
})
