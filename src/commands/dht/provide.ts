import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { optionalArgumentList } from '../../contract/params.ts'

export const dhtProvide = defineCommand({
  path: 'dht provide',
  summary: "Removed: use 'routing provide'",
  needs: 'nothing',
  deprecated: true,
  output: 'nothing',
  params: { args: optionalArgumentList('args', 'Whatever it took') },
  async *run() {
    throw new Failure('failed', "removed, use 'ipfs routing' instead", { hint: 'use: tsipfs routing provide' })
  },
})
