import { defineCommand } from '../../contract/command.ts'
import { argument } from '../../contract/params.ts'

export const nameGet = defineCommand({
  path: 'name get',
  summary: 'Fetch a signed IPNS record',
  description:
    'Writes the newest valid record of a name to standard output, as it was signed (protobuf). "name inspect" shows what ' +
    'it says, "name put" hands it to others.',
  examples: [{ line: 'tsipfs name get k51… > record.bin', explains: 'Keep a record as it was signed.' }],
  needs: 'network',
  experimental: true,
  output: 'bytes',
  mediaType: 'application/vnd.ipfs.ipns-record',
  worksWithoutRepo: true,
  params: { name: argument('name', 'The IPNS name to look up') },
  async *run(input, { node, signal }) {
    const [{ newestRecord }, { parseName }] = await Promise.all([
      import('../../node/ipns/newest-record.ts'),
      import('../../node/ipns/name.ts'),
    ])
    yield (await newestRecord(node, parseName(input.name), { signal })).bytes
  },
})
