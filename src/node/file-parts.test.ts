import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CID } from 'multiformats/cid'
import { sampleBlock } from '../repo/blocks.suite.ts'
import { freshRepo } from '../repo/fresh-repo.suite.ts'
import type { Blocks } from '../repo/roles.ts'
import { readParts } from './file-parts.ts'
import { TreeImport } from './importer/import-tree.ts'
import { IMPORT_PLAIN } from './importer/plain-options.ts'
import { type ImportOptions, importSettingsOf } from './importer/settings.ts'

async function add(blocks: Blocks, bytes: Uint8Array, options: Partial<ImportOptions>): Promise<CID> {
  const settings = importSettingsOf({}, { ...IMPORT_PLAIN, ...options })
  const tree = new TreeImport(blocks, settings, {
    wrap: false,
    skipsEmpty: false,
    silent: true,
    reportsProgress: false,
  })
  async function* source() {
    yield {
      path: 'f',
      type: 'file' as const,
      content: async function* () {
        yield bytes
      },
    }
  }
  for await (const _ of tree.run(source()));
  await blocks.flush()
  const root = tree.roots.at(-1)
  assert.ok(root !== undefined)
  return root.cid
}

test('files read into memory that is used again have the same bytes, of every layout', async () => {
  using fresh = await freshRepo()
  await using repo = await fresh.open('none')
  const { bytes } = sampleBlock(1, 3_000_000)
  const variants: Partial<ImportOptions>[] = [
    {},
    { rawLeaves: true },
    { trickle: true },
    { trickle: true, chunker: 'size-70000', maxFileLinks: 3 },
    { chunker: 'size-10000', maxFileLinks: 4 },
    { chunker: 'size-1048576', rawLeaves: true },
  ]
  for (const options of variants) {
    const cid = await add(repo.blocks, bytes, options)
    const parts = [
      { cid, offset: 0, length: bytes.length },
      { cid, offset: 1_234_567, length: 900_000 },
    ]
    for (const heldPieces of [undefined, 1, 2]) {
      const kept: Uint8Array[] = []
      let last: Uint8Array | undefined
      for await (const piece of readParts(repo.blocks, parts, { heldPieces })) {
        // The one before is copied only now: as many as are held stay what they were.
        if (heldPieces === 2 && last !== undefined) kept.push(Uint8Array.from(last))
        if (heldPieces === 2) last = piece
        else kept.push(Uint8Array.from(piece))
      }
      if (last !== undefined) kept.push(last)
      const expected = Buffer.concat([bytes, bytes.subarray(1_234_567, 2_134_567)])
      assert.ok(Buffer.concat(kept).equals(expected), JSON.stringify({ options, heldPieces }))
    }
  }
})
