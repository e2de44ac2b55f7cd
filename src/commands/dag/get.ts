import { defineCommand } from '../../contract/command.ts'
import { argument, text } from '../../contract/params.ts'

export const dagGet = defineCommand({
  path: 'dag get',
  summary: 'Print an IPLD node',
  description:
    'Prints the node, or the part of it, that a path leads to. Paths go through links: CID/list/0/name. dag-pb is shown ' +
    'as {"Data": …, "Links": […]}.',
  examples: [
    { line: 'tsipfs dag get bafy…/a/b', explains: 'Print a part of a node as dag-json.' },
    { line: 'tsipfs dag get --output-codec=dag-cbor bafy… > node.cbor', explains: 'Print it in another codec.' },
  ],
  needs: 'repo',
  output: 'bytes',
  worksWithoutRepo: true,
  params: {
    ref: argument('ref', 'The node to get', { stdin: true, complete: 'cid' }),
    outputCodec: text('Codec that the object will be encoded as', { initial: 'dag-json', complete: 'codec' }),
  },
  async *run(input, { node, signal }) {
    const [{ codecCode }, { resolvePath }, { decodeNode, encodeNode, valueAt }] = await Promise.all([
      import('../../node/multicodec.ts'),
      import('../../node/path.ts'),
      import('../../node/codecs.ts'),
    ])
    const codec = codecCode(input.outputCodec)
    const { cid, remainder } = await resolvePath(node, input.ref, { signal })
    const value = await decodeNode(cid, await node.blocks.get(cid, { signal }))
    yield await encodeNode(codec, valueAt(value, remainder))
  },
})
