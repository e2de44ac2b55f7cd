import { defineCommand } from '../../contract/command.ts'
import { codeParams, renderCodes } from './_codes.ts'

export const cidHashes = defineCommand({
  path: 'cid hashes',
  summary: 'List hash functions',
  examples: [{ line: 'tsipfs cid hashes --numeric', explains: 'List hash functions with their codes.' }],
  needs: 'nothing',
  output: 'value',
  result: [{ Code: 'int', Name: 'text' }],
  params: codeParams,
  async *run() {
    const { hashFunctions } = await import('../../node/hash.ts')
    yield hashFunctions().map(({ code, name }) => ({ Code: code, Name: name }))
  },
  render: renderCodes,
})
