import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument, int } from '../../contract/params.ts'

export const filesRead = defineCommand({
  path: 'files read',
  summary: 'Read a file from MFS',
  description: 'Prints the bytes of a file. With --offset nothing of what lies before is read.',
  examples: [
    { line: 'tsipfs files read /test/hello', explains: 'Print a file.' },
    { line: 'tsipfs files read --offset=1000 --count=100 /log', explains: 'Print 100 bytes out of it.' },
  ],
  needs: 'repo',
  output: 'bytes',
  params: {
    path: argument('path', 'File to read', { complete: 'mfs' }),
    offset: int('Byte to begin at', { short: 'o', saturates: true }),
    count: int('Bytes to read at most', { short: 'n', saturates: true }),
  },
  check(input) {
    if ((input.offset ?? 0) < 0) throw new Failure('usage', 'cannot specify negative offset')
    if ((input.count ?? 0) < 0) throw new Failure('usage', "cannot specify negative 'count'")
  },
  async *run(input, { node, signal }) {
    const { readMfs } = await import('../../node/mfs/read.ts')
    yield* readMfs(node, input.path, { offset: input.offset ?? 0, count: input.count }, { signal })
  },
})
