import { defineCommand, type View } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { argument, choice, flag, type Input, int, text } from '../contract/params.ts'
import type { Node } from '../node/node.ts'

const params = {
  path: argument('ipfs-path', 'The file or folder to save', { stdin: true, complete: 'cid' }),
  output: text('Where to save it; - is standard output', { short: 'o', complete: 'file' }),
  archive: flag('Save a tar archive', { short: 'a' }),
  compress: flag('Compress with gzip', { short: 'C' }),
  compressionLevel: int('How hard to compress, from 1 to 9', { short: 'l' }),
  progress: choice('Show progress', { short: 'p' }),
  clobber: flag('Replace files that are there; --no-clobber refuses', { initial: true, caller: true }),
}

export const get = defineCommand({
  path: 'get',
  summary: 'Save files and folders to disk',
  description:
    'Writes a file, or a folder with all below it, to ./NAME, where NAME is the last part of the path, or to --output. ' +
    'A file appears under its name when it is complete, and replaces what was there; folders are merged. Stored ' +
    'permissions and times are restored. Nothing is written outside of the target, whatever the names in it.\n\n' +
    'A get that was interrupted, killed or cut off goes on where it stopped: what lies at the target, or in a partial ' +
    'file beside it (.tsipfs-CID-….part), and hashes right is not fetched again. Partial files that nobody has gone on ' +
    'with are removed after seven days, by the next get into that folder.\n\n' +
    'With --archive a tar archive is saved as it is, with --compress a gzip file: of the archive, or, without ' +
    '--archive, of a single file. --output=- writes a file, or the archive, to standard output.',
  examples: [
    { line: 'tsipfs get bafy…', explains: 'Save a file or folder under its CID.' },
    { line: 'tsipfs get -o site bafy…/www', explains: 'Save a folder as ./site.' },
    { line: 'tsipfs get -a -C -o site bafy…', explains: 'Save a folder as site.tar.gz.' },
  ],
  needs: 'repo',
  output: 'bytes',
  mediaType: input => (input.compress ? 'application/gzip' : 'application/x-tar'),
  worksWithoutRepo: true,
  params,
  check(input) {
    const { compress, compressionLevel: level } = input
    if (compress && level !== undefined && (level < 1 || level > 9)) {
      throw new Failure('usage', 'compression level must be between 1 and 9')
    }
  },
  async *run(input, { node, signal, answer, heldPieces }) {
    const [{ lastName, resolvePath }, { openEntry }] = await Promise.all([
      import('../node/path.ts'),
      import('../node/unixfs-entry.ts'),
    ])
    const { cid } = await resolvePath(node, input.path, { signal })
    const name = lastName(input.path)
    const kept = await keptFiles(input, node, name, signal)
    await kept?.block(cid, name)
    const entry = await openEntry(node.blocks, cid, { signal })
    if (Number.isFinite(entry.size)) answer?.length(entry.size)
    const { gzip, packEntry, packTar } = await import('../node/get-stream.ts')
    const options = {
      signal,
      nanoseconds: !input.archive,
      cids: !input.archive,
      kept,
      // A compressor holds more pieces than it says.
      heldPieces: input.compress ? undefined : heldPieces,
    }
    const isBare = input.compress && !input.archive
    const bytes = isBare ? packEntry(node.blocks, entry, { signal }) : packTar(node.blocks, entry, name, options)
    yield* input.compress ? gzip(bytes, input.compressionLevel) : bytes
  },
  async render(outputs, view) {
    const { pathOf, printFile, saveArchive, saveFiles } = await import('./_get-files.ts')
    const path = pathOf(view)
    if (path === '-') await printFile(outputs, view)
    else if (view.input.archive || view.input.compress) await saveArchive(outputs, path, view)
    else await saveFiles(outputs, path, view)
  },
})

/** Returns what looks for blocks in what is saved already, when files are saved from here. */
async function keptFiles(input: Input<typeof params>, node: Node, name: string, signal: AbortSignal) {
  // The files of a caller elsewhere lie with the caller, and the node there keeps what it has fetched.
  if (input.archive || input.compress || input.output === '-' || node.daemon !== undefined || node.repo.readOnly)
    return undefined
  const [{ mayKeep }, { resolve }] = await Promise.all([import('../node/part-files.ts'), import('node:path')])
  const target = resolve(input.output === undefined || input.output === '' ? name : input.output)
  if (!mayKeep(target)) return undefined
  const { KeptFiles } = await import('../node/kept-files.ts')
  return new KeptFiles(target, node.blocks, node.repo.blocks, { signal })
}

/** What `render` of this command works with. */
export type GetView = View<typeof get.params>
