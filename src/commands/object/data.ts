import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'

export const objectData = defineCommand({
  path: 'object data',
  summary: 'Print the data of a dag-pb object (deprecated: use dag get)',
  examples: [{ line: 'tsipfs object data bafy… | xxd', explains: 'Look at the data of an object.' }],
  needs: 'repo',
  output: 'bytes',
  deprecated: true,
  params: { key: argument('key', 'The object', { stdin: true, complete: 'cid' }) },
  async *run(input, { node, signal }) {
    const { readObject } = await import('../../node/objects.ts')
    yield (await readObject(node, input.key, { signal })).data ?? new Uint8Array(0)
  },
})
