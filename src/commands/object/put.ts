import { defineCommand } from '../../contract/command.ts'
import { files, flag, text } from '../../contract/params.ts'
import { allowBigBlock, blockBytesMax } from './_shared.ts'

export const objectPut = defineCommand({
  path: 'object put',
  summary: 'Store a dag-pb object (deprecated: use dag put)',
  description: 'Reads {"Data":"…","Links":[{"Name":"…","Hash":"…","Size":0}]}, or the bytes of a block.',
  examples: [{ line: `echo '{"Data":"hello"}' | tsipfs object put`, explains: 'Store an object without links.' }],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  output: 'value',
  result: { Hash: 'cid' },
  deprecated: true,
  params: {
    data: files('data', 'The object', { many: false }),
    inputenc: text('Encoding of the input: json or protobuf', { initial: 'json' }),
    datafieldenc: text('Encoding of Data in JSON: text or base64', { initial: 'text' }),
    pin: flag('Pin the object'),
    quiet: flag('Print just the CID', { short: 'q', caller: true }),
    allowBigBlock,
  },
  async *run(input, { node, source, globals, signal }) {
    const [{ parseObject, storeObject }, { fileBytes }, { formatCid }] = await Promise.all([
      import('../../node/objects.ts'),
      import('../../node/file-bytes.ts'),
      import('../../node/cid.ts'),
    ])
    const bytesMax = blockBytesMax(input)
    const object = parseObject(await fileBytes(source, 2 * bytesMax), input)
    const { cid } = await storeObject(node.blocks, object, undefined, { signal, bytesMax })
    await node.blocks.flush({ signal })
    if (input.pin) await node.repo.pins.put([{ cid, mode: 'recursive', name: '' }])
    yield { Hash: formatCid(cid, globals) }
  },
  async render(outputs, { input, out }) {
    for await (const { Hash } of outputs) await out.write(input.quiet ? `${Hash}\n` : `added ${Hash}\n`)
  },
})
