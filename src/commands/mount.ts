import { defineCommand } from '../contract/command.ts'
import { text } from '../contract/params.ts'
import { unsupported } from './_unsupported.ts'

export const mount = defineCommand({
  path: 'mount',
  summary: 'Mount IPFS as a file system (not supported)',
  description: 'Accepted and refused: tsipfs has no FUSE.',
  needs: 'nothing',
  localOnly: true,
  result: 'any',
  params: {
    ipfsPath: text('Where to mount IPFS', { short: 'f', complete: 'folder' }),
    ipnsPath: text('Where to mount IPNS', { short: 'n', complete: 'folder' }),
    mfsPath: text('Where to mount MFS', { short: 'm', complete: 'folder' }),
  },
  async *run(): AsyncIterable<never> {
    yield* []
    throw unsupported(
      'mount',
      'tsipfs has no FUSE',
      'save files with tsipfs get, or read them with tsipfs files and cat',
    )
  },
})
