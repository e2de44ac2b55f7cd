import { defineCommand } from '../../contract/command.ts'
import { Failure } from '../../contract/failure.ts'
import { choice, files, flag } from '../../contract/params.ts'

interface Imported {
  readonly Root?: { readonly Cid: { readonly '/': string }; readonly PinErrorMsg: string }
  readonly Stats?: { readonly BlockCount: number; readonly BlockBytesCount: number }
}

export const dagImport = defineCommand({
  path: 'dag import',
  summary: 'Import the contents of CAR files',
  description:
    'Stores every block of the CAR files (version 1 and 2), each checked against its CID, and then pins the roots that ' +
    'they name: recursively, and from what is here. A root below which something is missing is not pinned, and ' +
    'reported. Blocks that no root reaches are stored, but garbage collection may take them.',
  examples: [
    { line: 'tsipfs dag import site.car', explains: 'Import a CAR file and pin its roots.' },
    { line: 'tsipfs dag export bafy… | tsipfs --repo-dir=other dag import', explains: 'Copy a DAG to another repo.' },
  ],
  needs: 'repo',
  createsRepo: true,
  writes: true,
  result: { 'Root?': { Cid: 'link', PinErrorMsg: 'text' }, 'Stats?': { BlockCount: 'int', BlockBytesCount: 'int' } },
  outputs: { cid: 'Root.Cid./' },
  params: {
    path: files('path', 'The CAR files'),
    pinRoots: choice('Pin the roots that the files name. Default: true'),
    localOnly: flag('Import a partial CAR; implies --pin-roots=false'),
    silent: flag('Print nothing'),
    stats: flag('Print how much was imported'),
    fastProvideRoot: choice('Announce the roots at once, besides the regular queue'),
    fastProvideDag: choice('Announce all of the DAGs by Provide.Strategy after the import'),
    fastProvideWait: choice('Wait until that is done'),
    allowBigBlock: flag('Store blocks that are larger than 2 MiB, which few peers will fetch'),
  },
  check(input) {
    if (input.localOnly && input.pinRoots === true) {
      throw new Failure(
        'usage',
        '--local-only implies --pin-roots=false and cannot be combined with --pin-roots=true; please drop one of them',
      )
    }
  },
  async *run(input, { node, source, signal }) {
    const { CarImporter } = await import('../../node/dag-import.ts')
    const importer = new CarImporter(node.repo, { allowBigBlock: input.allowBigBlock })
    for await (const entry of source) {
      if (entry.type !== 'file' || entry.content === undefined) {
        throw new Failure('usage', `${entry.path}: expected a file`)
      }
      await importer.addFile(entry, { signal })
    }
    await importer.flush({ signal })
    let broken: string | undefined
    if (!input.localOnly && input.pinRoots !== false) {
      for await (const { root, cause } of importer.pinRoots({ signal })) {
        if (cause !== '') broken ??= `pinning root "${root}" FAILED: ${cause}`
        yield { Root: { Cid: { '/': root.toString() }, PinErrorMsg: cause } } as Imported
      }
    }
    const { blocks, bytes } = importer.stats
    if (input.stats) yield { Stats: { BlockCount: blocks, BlockBytesCount: bytes } } as Imported
    if (broken !== undefined) throw new Failure('partial', broken)
    const { announceRoots } = await import('../../node/provide-queue.ts')
    const pinned = !input.localOnly && input.pinRoots !== false
    await announceRoots(node, importer.roots, { ...input, pinned, isFatal: true }, { signal })
  },
  async render(outputs, { input, out, globals }) {
    const { formatCid, parseCid } = await import('../../node/cid.ts')
    for await (const { Root, Stats } of outputs) {
      if (input.silent) continue
      if (Stats !== undefined) {
        await out.write(`Imported ${Stats.BlockCount} blocks (${Stats.BlockBytesCount} bytes)\n`)
      } else if (Root?.PinErrorMsg === '') {
        await out.write(`Pinned root\t${formatCid(parseCid(Root.Cid['/']), globals)}\tsuccess\n`)
      }
    }
  },
})
