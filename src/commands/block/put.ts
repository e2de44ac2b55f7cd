import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { files, flag, int, text } from '../../contract/params.ts'

export const blockPut = defineCommand({
  path: 'block put',
  summary: 'Store input as a raw block',
  description:
    'Stores each file, or standard input, as one block, and prints its CID: CIDv1 with the raw codec unless --cid-codec ' +
    'names another. The bytes are not changed and not looked at.',
  examples: [
    { line: 'tsipfs block put chunk.bin', explains: 'Store a file as one block.' },
    { line: 'tsipfs block put --cid-codec=dag-cbor < node.cbor', explains: 'Store a block of dag-cbor.' },
  ],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  result: { Key: 'cid', Size: 'int: bytes' },
  outputs: { cid: 'Key' },
  params: {
    data: files('data', 'The data to be stored as a block'),
    cidCodec: text('Multicodec to use in the CID', { initial: 'raw', complete: 'codec' }),
    mhtype: text('Multihash hash function', { complete: 'hash' }),
    mhlen: int('Multihash hash length; -1: all of it', { initial: -1 }),
    pin: flag('Pin added blocks recursively'),
    allowBigBlock: flag('Store blocks that are larger than 2 MiB, which few peers will fetch'),
    format: text('Name of the CID in the old spelling: v0, protobuf, cbor or raw', { short: 'f', deprecated: true }),
  },
  check(input) {
    if (input.format !== undefined && input.format !== '' && input.cidCodec !== '' && input.cidCodec !== 'raw') {
      throw new Failure('usage', 'unable to use "format" (deprecated) and a custom "cid-codec" at the same time')
    }
  },
  async *run(input, { node, source, globals, signal }) {
    const [{ blockCidOf, readBlock, storeAll }, { formatCid }] = await Promise.all([
      import('../../node/dag-put.ts'),
      import('../../node/cid.ts'),
    ])
    const cidOf = await blockCidOf(node.repo.config, input)
    async function* blocks() {
      for await (const entry of source) {
        const bytes = await readBlock(entry, input.allowBigBlock, signal)
        const cid = await cidOf(bytes)
        yield { cid, bytes, record: { Key: formatCid(cid, globals), Size: bytes.length } }
      }
    }
    yield* storeAll(node.repo, blocks(), { pin: input.pin, signal })
  },
  async render(outputs, { out }) {
    for await (const { Key } of outputs) await out.write(`${Key}\n`)
  },
})
