import { defineCommand } from '../../contract/command.ts'
import { files, flag, text } from '../../contract/params.ts'

export const dagPut = defineCommand({
  path: 'dag put',
  summary: 'Store an IPLD node',
  description:
    'Reads a node from each file, or from standard input, in the input codec (dag-json), stores it in the store codec ' +
    '(dag-cbor), and prints its CID. In dag-json {"/": "CID"} is a link and {"/": {"bytes": "base64"}} are bytes.',
  examples: [
    { line: `echo '{"hello":"world"}' | tsipfs dag put`, explains: 'Store a node as dag-cbor.' },
    { line: 'tsipfs dag put --store-codec=dag-pb node.json', explains: 'Store a node as dag-pb.' },
  ],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  result: { Cid: 'link' },
  outputs: { cid: 'Cid./' },
  params: {
    data: files('object data', 'The nodes to put'),
    storeCodec: text('Codec that the stored object will be encoded with', { initial: 'dag-cbor', complete: 'codec' }),
    inputCodec: text('Codec that the input object is encoded in', { initial: 'dag-json', complete: 'codec' }),
    pin: flag('Pin this object when adding'),
    hash: text('Hash function to use', { complete: 'hash' }),
    allowBigBlock: flag('Store blocks that are larger than 2 MiB, which few peers will fetch'),
  },
  async *run(input, { node, source, signal }) {
    const { nodeWriter, PUT_BYTES_MAX, readEntry, storeAll } = await import('../../node/dag-put.ts')
    const write = await nodeWriter(node.repo.config, input)
    async function* blocks() {
      for await (const entry of source) {
        const { cid, bytes } = await write(await readEntry(entry, PUT_BYTES_MAX, signal))
        yield { cid, bytes, record: { Cid: { '/': cid.toString() } } }
      }
    }
    yield* storeAll(node.repo, blocks(), { pin: input.pin, signal })
  },
  async render(outputs, { out, globals }) {
    const { formatCid, parseCid } = await import('../../node/cid.ts')
    for await (const { Cid } of outputs) await out.write(`${formatCid(parseCid(Cid['/']), globals)}\n`)
  },
})
