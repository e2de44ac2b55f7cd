import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { argument, choice, files, flag, int } from '../../contract/params.ts'
import { flushOption, formatOptions } from './_shared.ts'

export const filesWrite = defineCommand({
  path: 'files write',
  summary: 'Write into a file of MFS',
  description:
    'Writes a file, or standard input, into a file of MFS, at --offset or at its beginning; what lies behind stays ' +
    'unless --truncate is given. Only the chunks that change are stored. With raw leaves, with Import.UnixFSDAGLayout ' +
    'set, and in files of more chunks than one node links to, the result has the CID that `tsipfs add` gives the same ' +
    "bytes with the settings of Import.*; other files have the CIDs of Kubo's `files write`, which are not those of its " +
    '`add`. A file keeps its CID version and hash function; a new one gets those of Import.CidVersion and ' +
    'Import.HashFunction, or of the options.',
  examples: [
    { line: 'echo "hello world" | tsipfs files write --create --parents /myfs/a/b/file', explains: 'Make a file.' },
    { line: 'tsipfs files write --truncate /myfs/a/b/file new.txt', explains: 'Replace what is in it.' },
    { line: 'tsipfs files write --offset=100 /myfs/a/b/file < patch', explains: 'Write over a part of it.' },
  ],
  needs: 'repo',
  output: 'nothing',
  createsRepo: true,
  writes: true,
  params: {
    path: argument('path', 'File to write into', { complete: 'mfs' }),
    data: files('data', 'Data to write', { many: false }),
    offset: int('Byte to begin writing at', { short: 'o' }),
    create: flag('Make the file if it is not there', { short: 'e' }),
    parents: flag('Make parent folders as needed', { short: 'p' }),
    truncate: flag('Make the file empty before writing', { short: 't' }),
    count: int('Bytes to write at most', { short: 'n', saturates: true }),
    rawLeaves: choice('Use raw blocks for leaves', { experimental: true }),
    ...formatOptions,
    ...flushOption,
  },
  check(input) {
    if ((input.offset ?? 0) < 0) throw new Failure('usage', 'cannot have negative write offset')
    if ((input.count ?? 0) < 0) throw new Failure('usage', 'cannot have negative byte count')
  },
  async *run(input, { node, source, signal }) {
    const [{ changeMfs }, { cleanMfsPath }, { cidFormat, fileSettings }, { MfsWrite }, { contentOf }] =
      await Promise.all([
        import('../../node/mfs/change.ts'),
        import('../../node/mfs/path.ts'),
        import('../../node/mfs/settings.ts'),
        import('../../node/mfs/write.ts'),
        import('../../node/mfs/content.ts'),
      ])
    const path = cleanMfsPath(input.path)
    const settings = fileSettings(await node.repo.config.read())
    const format = cidFormat(input.cidVersion, input.hash)
    const options = { ...input, offset: input.offset ?? 0, format }
    const write = new MfsWrite(node.blocks, path, contentOf(source), options, settings, { signal })
    await changeMfs(node, tree => write.apply(tree), { signal })
  },
})
