import { defineCommand } from '../../contract/command.ts'
import { argumentList } from '../../contract/params.ts'
import { formatted, renderFormatted } from './_formatted.ts'

export const cidBase32 = defineCommand({
  path: 'cid base32',
  summary: 'Convert CIDs to CIDv1 in base32',
  description: 'Prints the canonical form of CIDs, in which upper and lower case do not matter.',
  examples: [
    { line: 'tsipfs cid base32 QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n', explains: 'Convert a CIDv0.' },
  ],
  needs: 'nothing',
  result: { CidStr: 'text', Formatted: 'text', ErrorMsg: 'text' },
  params: { cid: argumentList('cid', 'The CIDs to convert', { stdin: true, complete: 'cid' }) },
  async *run(input) {
    const { BASE32 } = await import('../../node/multibase.ts')
    yield* formatted(input.cid, { format: '%s', version: 1, base: BASE32 })
  },
  render: renderFormatted,
})
