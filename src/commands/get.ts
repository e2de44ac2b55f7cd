import { defineCommand, type View } from '../contract/command.ts'
import { Failure } from '../contract/failure.ts'
import { argument, choice, flag, int, text } from '../contract/params.ts'

export const get = defineCommand({
  path: 'get',
  summary: 'Save files and folders to disk',
  description:
    'Writes a file, or a folder with all below it, to ./NAME, where NAME is the last part of the path, or to --output. ' +
    'A file appears under its name when it is complete, and replaces what was there; folders are merged. Stored ' +
    'permissions and times are restored. Nothing is written outside of the target, whatever the names in it.\n\n' +
    'With --archive a tar archive is saved as it is, with --compress a gzip file: of the archive, or, without ' +
    '--archive, of a single file.',
  examples: [
    { line: 'tsipfs get bafy…', explains: 'Save a file or folder under its CID.' },
    { line: 'tsipfs get -o site bafy…/www', explains: 'Save a folder as ./site.' },
    { line: 'tsipfs get -a -C -o site bafy…', explains: 'Save a folder as site.tar.gz.' },
  ],
  needs: 'repo',
  output: 'bytes',
  worksWithoutRepo: true,
  params: {
    path: argument('ipfs-path', 'The file or folder to save', { stdin: true, complete: 'cid' }),
    output: text('Where to save it', { short: 'o', complete: 'file' }),
    archive: flag('Save a tar archive', { short: 'a' }),
    compress: flag('Compress with gzip', { short: 'C' }),
    compressionLevel: int('How hard to compress, from 1 to 9', { short: 'l' }),
    progress: choice('Show progress', { short: 'p' }),
    clobber: flag('Replace files that are there; --no-clobber refuses', { initial: true, caller: true }),
  },
  check(input) {
    const { compress, compressionLevel: level } = input
    if (compress && level !== undefined && (level < 1 || level > 9)) {
      throw new Failure('usage', 'compression level must be between 1 and 9')
    }
  },
  async *run(input, { node, signal, answer }) {
    const [{ lastName, resolvePath }, { openEntry }] = await Promise.all([
      import('../node/path.ts'),
      import('../node/unixfs-entry.ts'),
    ])
    const { cid } = await resolvePath(node, input.path, { signal })
    const entry = await openEntry(node.blocks, cid, { signal })
    if (Number.isFinite(entry.size)) answer?.length(entry.size)
    const { gzip, packEntry, packTar } = await import('../node/get-stream.ts')
    const bytes =
      input.compress && !input.archive
        ? packEntry(node.blocks, entry, { signal })
        : packTar(node.blocks, entry, lastName(input.path), { signal, nanoseconds: !input.archive })
    yield* input.compress ? gzip(bytes, input.compressionLevel) : bytes
  },
  async render(outputs, view) {
    const { pathOf, saveArchive, saveFiles } = await import('./_get-files.ts')
    const path = pathOf(view)
    if (view.input.archive || view.input.compress) await saveArchive(outputs, path, view)
    else await saveFiles(outputs, path, view)
  },
})

/** What `render` of this command works with. */
export type GetView = View<typeof get.params>
