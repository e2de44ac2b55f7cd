import { defineCommand } from '../../contract/command.ts'
import { codeParams, renderCodes } from './_codes.ts'

export const cidCodecs = defineCommand({
  path: 'cid codecs',
  summary: 'List codecs that a CID may have',
  examples: [{ line: 'tsipfs cid codecs --supported', explains: 'List codecs that can be read here.' }],
  needs: 'nothing',
  output: 'value',
  result: [{ Code: 'int', Name: 'text' }],
  params: codeParams,
  async *run(input) {
    const { cidCodecs } = await import('../../node/cid-format.ts')
    yield cidCodecs(input.supported)
  },
  render: renderCodes,
})
