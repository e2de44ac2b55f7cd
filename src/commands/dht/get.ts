import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { optionalArgumentList } from '../../contract/params.ts'

export const dhtGet = defineCommand({
  path: 'dht get',
  summary: "Removed: use 'routing get'",
  needs: 'nothing',
  deprecated: true,
  output: 'nothing',
  params: { args: optionalArgumentList('args', 'Whatever it took') },
  async *run() {
    throw new Failure('failed', "removed, use 'ipfs routing' instead", { hint: 'use: tsipfs routing get' })
  },
})
