import { defineCommand } from '../../../contract/command.ts'
import { argument, files } from '../../../contract/params.ts'
import { allowBigBlock, blockBytesMax, renderHash } from '../_shared.ts'

/** Declares a command that changes the data of an object. */
export function dataPatch(path: string, summary: string, combine: (old: Uint8Array, given: Uint8Array) => Uint8Array) {
  return defineCommand({
    path,
    summary,
    description: 'Prints the CID of the new object.',
    examples: [{ line: `printf more | tsipfs ${path} bafy…`, explains: 'Use standard input.' }],
    needs: 'repo',
    writes: true,
    output: 'value',
    result: { Hash: 'cid' },
    deprecated: true,
    params: {
      root: argument('root', 'The object to begin with', { complete: 'cid' }),
      data: files('data', 'The data', { many: false }),
      allowBigBlock,
    },
    async *run(input, { node, source, globals, signal }) {
      const [{ readObject, requireProtobuf, storeObject }, { fileBytes }, { formatCid }] = await Promise.all([
        import('../../../node/objects.ts'),
        import('../../../node/file-bytes.ts'),
        import('../../../node/cid.ts'),
      ])
      const bytesMax = blockBytesMax(input)
      const given = await fileBytes(source, bytesMax)
      const root = await readObject(node, input.root, { signal })
      requireProtobuf(root)
      const data = combine(root.data ?? new Uint8Array(0), given)
      const { cid } = await storeObject(node.blocks, { data, links: root.links }, root.cid, { signal, bytesMax })
      await node.blocks.flush({ signal })
      yield { Hash: formatCid(cid, globals) }
    },
    render: renderHash,
  })
}
