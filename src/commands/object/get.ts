import { defineCommand } from '../../contract/command.ts'
import { argument, text } from '../../contract/params.ts'

export const objectGet = defineCommand({
  path: 'object get',
  summary: 'Show a dag-pb object (deprecated: use dag get)',
  examples: [{ line: 'tsipfs object get bafy…', explains: 'Show data and links as JSON.' }],
  needs: 'repo',
  output: 'value',
  result: { Links: [{ Name: 'text', Hash: 'cid', Size: 'int' }], Data: 'text' },
  deprecated: true,
  params: {
    key: argument('key', 'The object', { stdin: true, complete: 'cid' }),
    dataEncoding: text('Encoding of Data: text or base64', { initial: 'text' }),
  },
  async *run(input, { node, globals, signal }) {
    const [{ dataText, linkRecords, readObject }, { formatCid }] = await Promise.all([
      import('../../node/objects.ts'),
      import('../../node/cid.ts'),
    ])
    const object = await readObject(node, input.key, { signal })
    yield {
      Links: linkRecords(object.links, cid => formatCid(cid, globals)),
      Data: dataText(object.data, input.dataEncoding),
    }
  },
})
