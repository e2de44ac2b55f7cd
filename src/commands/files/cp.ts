import { defineCommand } from '../../contract/command.ts'
import { argument, flag } from '../../contract/params.ts'
import { flushOption } from './_shared.ts'

export const filesCp = defineCommand({
  path: 'files cp',
  summary: 'Add references to IPFS files and directories in MFS, or copy within MFS',
  description:
    'The copy is lazy: nothing but the root of the source is read, and content that is elsewhere is fetched when it is ' +
    'read. What is in the repo of it is kept by garbage collection as long as it lies in MFS. A target that ends with a ' +
    'slash is a folder to copy into. A path into IPFS wins over one of MFS that is called the same.',
  examples: [
    { line: 'tsipfs files cp /ipfs/bafy… /docs', explains: 'Put a folder of IPFS into MFS.' },
    { line: 'tsipfs files cp --parents /docs/a.txt /old/docs/', explains: 'Copy a file within MFS.' },
  ],
  needs: 'repo',
  output: 'nothing',
  createsRepo: true,
  writes: true,
  params: {
    source: argument('source', 'Path in IPFS or MFS to copy', { complete: 'mfs' }),
    dest: argument('dest', 'Where to in MFS', { complete: 'mfs' }),
    force: flag('Replace a file that is there'),
    parents: flag('Make parent folders as needed', { short: 'p' }),
    ...flushOption,
  },
  async *run(input, { node, signal }) {
    const { copyToMfs } = await import('../../node/mfs/copy.ts')
    await copyToMfs(node, input.source, input.dest, input, { signal })
  },
})
