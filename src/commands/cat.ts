import { defineCommand } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { argumentList, choice, int } from '../contract/params.ts'
import { byteReporter, writePieces } from './_write-pieces.ts'

export const cat = defineCommand({
  path: 'cat',
  summary: 'Print the bytes of files',
  description:
    'Writes files to standard output, one after another. --offset and --length count over all of them; what lies before ' +
    'the offset is not read. Every block is checked against its CID: bytes that do not match are never printed.',
  examples: [
    { line: 'tsipfs cat bafy…/readme.txt', explains: 'Print a file in a folder.' },
    { line: 'tsipfs cat --offset=1000 --length=10 bafy…', explains: 'Print ten bytes out of the middle of a file.' },
  ],
  needs: 'repo',
  output: 'bytes',
  worksWithoutRepo: true,
  params: {
    path: argumentList('ipfs-path', 'The files to print', { stdin: true, complete: 'cid' }),
    offset: int('Byte to begin at', { short: 'o', saturates: true }),
    length: int('Bytes to print at most', { short: 'l', saturates: true }),
    progress: choice('Show progress', { short: 'p' }),
  },
  check(input) {
    if ((input.offset ?? 0) < 0) throw new Failure('usage', 'cannot specify negative offset')
    if ((input.length ?? 0) < 0) throw new Failure('usage', 'cannot specify negative length')
  },
  async *run(input, { node, signal, answer, heldPieces }) {
    // As in Kubo, nothing is even looked up when nothing is to be printed.
    if (input.length === 0) return answer?.length(0)
    const { openParts, readParts } = await import('../node/file-parts.ts')
    const parts = await openParts(node, input.path, input, { signal })
    const total = parts.reduce((sum, part) => sum + part.length, 0)
    if (Number.isFinite(total)) answer?.length(total)
    yield* readParts(node.blocks, parts, { signal, heldPieces })
  },
  async render(outputs, view) {
    await writePieces(outputs, view.out, byteReporter(view))
    await view.progress.clear()
  },
})
